"""What the tutorials show of SQLAlchemy and of SQLAlchemy-Continuum, as one program: orm_library.py sqlalchemy|continuum DATABASE-PORT"""

import sys

from sqlalchemy import Column, ForeignKey, Integer, String, create_engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import configure_mappers, declarative_base, relationship, selectinload, sessionmaker

kind, port = sys.argv[1:]
options = {}
if kind == "continuum":
    from sqlalchemy_continuum import make_versioned

    make_versioned(user_cls=None)
    options = {"__versioned__": {}}
Base = declarative_base()


class User(Base):
    __tablename__ = "user_account"
    locals().update(options)
    id = Column(Integer, primary_key=True)
    name = Column(String(30), unique=True)
    fullname = Column(String)
    addresses = relationship("Address", back_populates="user", cascade="all, delete-orphan")


class Address(Base):
    __tablename__ = "address"
    locals().update(options)
    id = Column(Integer, primary_key=True)
    email_address = Column(String)
    user_id = Column(ForeignKey("user_account.id"))
    user = relationship("User", back_populates="addresses")


configure_mappers()
engine = create_engine(f"postgresql+psycopg://field@127.0.0.1:{port}/field")
Base.metadata.drop_all(engine)
Base.metadata.create_all(engine)
Session = sessionmaker(engine)

with Session.begin() as session:
    for n in range(30):
        session.add(User(name=f"user{n}", fullname=f"User {n}", addresses=[Address(email_address=f"user{n}@example.org"), Address(email_address=f"u{n}@example.com")]))
with Session() as session:
    for user in session.scalars(select(User).where(User.name.in_(["user3", "user4"]))):
        print(user.fullname, [address.email_address for address in user.addresses])
    users = session.scalars(select(User).options(selectinload(User.addresses)).order_by(User.name)).all()
    print(sum(len(user.addresses) for user in users))
    print(session.execute(select(User.name, func.count(Address.id)).join(Address).group_by(User.name).having(func.count(Address.id) > 1)).first())
for n in range(12):
    with Session.begin() as session:
        user = session.scalars(select(User).where(User.name == f"user{n}")).one()
        user.fullname += ", MA"
        user.addresses[0].email_address = f"new{n}@example.org"
for n in range(4):
    try:
        with Session.begin() as session:
            session.add(User(name=f"user{n}", fullname="Again"))
    except IntegrityError as error:
        print("taken", type(error.orig).__name__)
with Session.begin() as session:
    session.delete(session.get(User, 30))
if kind == "continuum":
    with Session() as session:
        for user in session.scalars(select(User).order_by(User.id).limit(10)):
            print(user.name, [version.fullname for version in user.versions])
        first = session.get(User, 1)
        first.versions[0].revert()
        session.commit()
        print(first.fullname, first.versions[1].changeset)
