"""A book service with Litestar and its SQLAlchemy plugin, models and relations as its tutorial has them: litestar_shelf.py DATABASE-PORT PORT"""

import sys

import uvicorn
from advanced_alchemy.extensions.litestar import AsyncSessionConfig, SQLAlchemyAsyncConfig, SQLAlchemyPlugin
from litestar import Litestar, delete, get, post, put
from litestar.exceptions import NotFoundException
from litestar.plugins.opentelemetry import OpenTelemetryConfig, OpenTelemetryPlugin
from sqlalchemy import Column, ForeignKey, Table, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload


class Base(DeclarativeBase):
    pass


book_tags = Table("book_tags", Base.metadata, Column("book_id", ForeignKey("books.id"), primary_key=True), Column("tag_id", ForeignKey("tags.id"), primary_key=True))


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    country: Mapped[str]
    books: Mapped[list["Book"]] = relationship(back_populates="author", lazy="noload")


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Review(Base):
    __tablename__ = "reviews"
    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id"))
    stars: Mapped[int]
    text: Mapped[str]


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    pages: Mapped[int] = mapped_column(default=100)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    author: Mapped[Author] = relationship(back_populates="books", lazy="joined")
    tags: Mapped[list[Tag]] = relationship(secondary=book_tags, lazy="selectin")
    reviews: Mapped[list[Review]] = relationship(lazy="noload")


def shown(book):
    return {"id": book.id, "title": book.title, "author": book.author.name, "tags": [tag.name for tag in book.tags]}


@get("/books")
async def books(db_session: AsyncSession, page: int = 0, q: str | None = None) -> list[dict]:
    query = select(Book).order_by(Book.title).limit(20)
    query = query.where(Book.title.ilike(f"%{q}%")) if q else query.offset(20 * page)
    return [shown(book) for book in await db_session.scalars(query)]


@get("/books/{number:int}")
async def book(db_session: AsyncSession, number: int) -> dict:
    found = await db_session.scalar(select(Book).where(Book.id == number).options(selectinload(Book.reviews)))
    if found is None:
        raise NotFoundException("no such book")
    return shown(found) | {"reviews": [review.stars for review in found.reviews]}


@post("/books")
async def add(db_session: AsyncSession, data: dict) -> dict:
    tags = list(await db_session.scalars(select(Tag).where(Tag.id.in_(data["tags"]))))
    made = Book(title=data["title"], author_id=data["author_id"], tags=tags)
    db_session.add(made)
    await db_session.commit()
    return {"id": made.id}


@put("/books/{number:int}")
async def change(db_session: AsyncSession, number: int, data: dict) -> dict:
    found = await db_session.get(Book, number)
    found.title, found.tags = data["title"], list(await db_session.scalars(select(Tag).where(Tag.id.in_(data["tags"]))))
    await db_session.commit()
    return {"id": number}


@delete("/books/{number:int}", status_code=200)
async def remove(db_session: AsyncSession, number: int) -> dict:
    await db_session.delete(await db_session.get(Book, number))
    await db_session.commit()
    return {}


@post("/books/{number:int}/reviews")
async def review(db_session: AsyncSession, number: int, data: dict) -> dict:
    made = Review(book_id=number, **data)
    db_session.add(made)
    await db_session.commit()
    return {"id": made.id}


@get("/authors")
async def authors(db_session: AsyncSession, page: int = 0) -> list[dict]:
    rows = await db_session.execute(select(Author.id, Author.name, func.count(Book.id)).outerjoin(Book).group_by(Author.id).order_by(Author.name).limit(15).offset(15 * page))
    return [{"id": row[0], "name": row[1], "books": row[2]} for row in rows]


@get("/authors/{number:int}")
async def author(db_session: AsyncSession, number: int) -> dict:
    found = await db_session.scalar(select(Author).where(Author.id == number).options(selectinload(Author.books)))
    return {"name": found.name, "books": [shown(one) for one in found.books]}


@get("/tags")
async def tags(db_session: AsyncSession) -> list[dict]:
    return [{"id": tag.id, "name": tag.name} for tag in await db_session.scalars(select(Tag))]


@get("/tags/{number:int}")
async def tag(db_session: AsyncSession, number: int) -> list[dict]:
    return [shown(one) for one in await db_session.scalars(select(Book).join(book_tags).where(book_tags.c.tag_id == number))]


@get("/popular")
async def popular(db_session: AsyncSession) -> list[dict]:
    rows = await db_session.execute(select(Book.id, func.avg(Review.stars)).join(Review).group_by(Book.id).order_by(func.avg(Review.stars).desc()).limit(10))
    return [{"id": row[0], "stars": float(row[1])} for row in rows]


config = SQLAlchemyAsyncConfig(connection_string=f"postgresql+asyncpg://field@127.0.0.1:{sys.argv[1]}/field", session_config=AsyncSessionConfig(expire_on_commit=False))
app = Litestar([books, book, add, change, remove, review, authors, author, tags, tag, popular], plugins=[SQLAlchemyPlugin(config), OpenTelemetryPlugin(OpenTelemetryConfig())])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
