"""The administration of a shelf of books with SQLAdmin on FastAPI, as its documentation sets it up: sqladmin_shelf.py DATABASE-PORT PORT"""

import sys

import uvicorn
from fastapi import FastAPI
from sqladmin import Admin, ModelView
from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, relationship


class Base(DeclarativeBase):
    pass


book_tags = Table("book_tags", Base.metadata, Column("book_id", ForeignKey("books.id"), primary_key=True), Column("tag_id", ForeignKey("tags.id"), primary_key=True))


class Author(Base):
    __tablename__ = "authors"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    country = Column(String)
    books = relationship("Book", back_populates="author")

    def __str__(self):
        return self.name


class Tag(Base):
    __tablename__ = "tags"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    books = relationship("Book", secondary=book_tags, back_populates="tags")

    def __str__(self):
        return self.name


class Book(Base):
    __tablename__ = "books"
    id = Column(Integer, primary_key=True)
    title = Column(String)
    pages = Column(Integer, default=100)
    author_id = Column(ForeignKey("authors.id"))
    author = relationship("Author", back_populates="books")
    tags = relationship("Tag", secondary=book_tags, back_populates="books")
    reviews = relationship("Review", back_populates="book")

    def __str__(self):
        return self.title


class Review(Base):
    __tablename__ = "reviews"
    id = Column(Integer, primary_key=True)
    stars = Column(Integer)
    text = Column(Text)
    book_id = Column(ForeignKey("books.id"))
    book = relationship("Book", back_populates="reviews")

    def __str__(self):
        return f"{self.stars} stars"


class AuthorAdmin(ModelView, model=Author):
    column_list = [Author.id, Author.name, Author.country, Author.books]
    column_searchable_list = [Author.name]


class BookAdmin(ModelView, model=Book):
    column_list = [Book.id, Book.title, Book.author, Book.tags]
    column_searchable_list = [Book.title]
    column_sortable_list = [Book.title]


class TagAdmin(ModelView, model=Tag):
    column_list = [Tag.id, Tag.name]


class ReviewAdmin(ModelView, model=Review):
    column_list = [Review.id, Review.stars, Review.book]


app = FastAPI()
admin = Admin(app, create_async_engine(f"postgresql+asyncpg://field@127.0.0.1:{sys.argv[1]}/field"))
for view in (AuthorAdmin, BookAdmin, TagAdmin, ReviewAdmin):
    admin.add_view(view)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
