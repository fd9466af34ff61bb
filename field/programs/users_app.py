"""The full example of FastAPI Users' documentation (SQLAlchemy, tokens as JWT), with notes that people keep, in PostgreSQL."""

import os
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, HTTPException
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, CookieTransport, JWTStrategy
from fastapi_users.authentication.strategy.db import AccessTokenDatabase, DatabaseStrategy
from fastapi_users_db_sqlalchemy import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users_db_sqlalchemy.access_token import SQLAlchemyAccessTokenDatabase, SQLAlchemyBaseAccessTokenTableUUID
from pydantic import BaseModel
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SECRET = "a secret of at least thirty-two letters"


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class AccessToken(SQLAlchemyBaseAccessTokenTableUUID, Base):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    words: Mapped[str]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))


class UserRead(schemas.BaseUser[uuid.UUID]):
    pass


class UserCreate(schemas.BaseUserCreate):
    pass


class UserUpdate(schemas.BaseUserUpdate):
    pass


class NoteBody(BaseModel):
    words: str


engine = create_async_engine(os.environ["DATABASE_URL"])
sessions = async_sessionmaker(engine, expire_on_commit=False)
tokens = {}


async def get_session() -> AsyncGenerator[AsyncSession, None]:
    async with sessions() as session:
        yield session


async def get_user_db(session: AsyncSession = Depends(get_session)):
    yield SQLAlchemyUserDatabase(session, User)


async def get_access_token_db(session: AsyncSession = Depends(get_session)):
    yield SQLAlchemyAccessTokenDatabase(session, AccessToken)


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = SECRET
    verification_token_secret = SECRET

    async def on_after_forgot_password(self, user, token, request=None):
        tokens[user.email] = token

    async def on_after_request_verify(self, user, token, request=None):
        tokens[user.email] = token


async def get_user_manager(user_db=Depends(get_user_db)):
    yield UserManager(user_db)


def get_jwt() -> JWTStrategy:
    return JWTStrategy(secret=SECRET, lifetime_seconds=3600)


def get_stored(store: AccessTokenDatabase[AccessToken] = Depends(get_access_token_db)) -> DatabaseStrategy:
    return DatabaseStrategy(store, lifetime_seconds=3600)


jwt = AuthenticationBackend(name="jwt", transport=BearerTransport(tokenUrl="auth/jwt/login"), get_strategy=get_jwt)
cookie = AuthenticationBackend(name="cookie", transport=CookieTransport(cookie_max_age=3600, cookie_secure=False), get_strategy=get_stored)
users = FastAPIUsers[User, uuid.UUID](get_user_manager, [jwt, cookie])
active = users.current_user(active=True)
superuser = users.current_user(active=True, superuser=True)


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as session:
        manager = UserManager(SQLAlchemyUserDatabase(session, User))
        for number in range(20):
            await manager.create(UserCreate(email=f"person{number}@example.com", password="secret-word", is_superuser=number == 0, is_verified=True))
        people = (await session.execute(select(User).order_by(User.email))).scalars().all()
        session.add_all(Note(words=f"Note {n}", user_id=people[n % 20].id) for n in range(300))
        await session.commit()
    yield


app = FastAPI(lifespan=lifespan)
app.include_router(users.get_auth_router(jwt), prefix="/auth/jwt", tags=["auth"])
app.include_router(users.get_auth_router(cookie), prefix="/auth/cookie", tags=["auth"])
app.include_router(users.get_register_router(UserRead, UserCreate), prefix="/auth", tags=["auth"])
app.include_router(users.get_reset_password_router(), prefix="/auth", tags=["auth"])
app.include_router(users.get_verify_router(UserRead), prefix="/auth", tags=["auth"])
app.include_router(users.get_users_router(UserRead, UserUpdate), prefix="/users", tags=["users"])


@app.get("/mailed/{email}")
async def mailed(email: str):
    """The token that would be in a mail."""
    return tokens.get(email)


@app.get("/notes")
async def notes(user: User = Depends(active), session: AsyncSession = Depends(get_session)):
    rows = await session.execute(select(Note).where(Note.user_id == user.id).order_by(Note.id.desc()).limit(20))
    return [{"id": note.id, "words": note.words} for note in rows.scalars()]


@app.post("/notes", status_code=201)
async def new_note(body: NoteBody, user: User = Depends(active), session: AsyncSession = Depends(get_session)):
    note = Note(words=body.words, user_id=user.id)
    session.add(note)
    await session.commit()
    return {"id": note.id}


@app.delete("/notes/{number}", status_code=204)
async def remove_note(number: int, user: User = Depends(active), session: AsyncSession = Depends(get_session)):
    note = await session.get(Note, number)
    if note is None or note.user_id != user.id:
        raise HTTPException(404)
    await session.delete(note)
    await session.commit()


@app.get("/everyone")
async def everyone(user: User = Depends(superuser), session: AsyncSession = Depends(get_session)):
    return [person.email for person in (await session.execute(select(User))).scalars()]
