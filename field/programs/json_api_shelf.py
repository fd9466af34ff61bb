"""A library of 60 books with their authors, tags and reviews over JSON:API, as the introductions of flask-restless-ng and safrs serve models.

    json_api_shelf.py restless|safrs DATABASE_PORT PORT [fill]
"""

import random
import sys

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

kind, database_port, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
app = Flask("library")
app.config["SQLALCHEMY_DATABASE_URI"] = f"postgresql+psycopg2://field@127.0.0.1:{database_port}/field"
db = SQLAlchemy(app)
if kind == "safrs":
    from safrs import SAFRSAPI, SAFRSBase

    Base = (SAFRSBase, db.Model)
else:
    Base = (db.Model,)

book_tags = db.Table("book_tags", db.Column("book_id", db.ForeignKey("book.id"), primary_key=True), db.Column("tag_id", db.ForeignKey("tag.id"), primary_key=True))


class Author(*Base):
    __tablename__ = "author"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80))
    books = db.relationship("Book", back_populates="author")


class Tag(*Base):
    __tablename__ = "tag"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(40))
    books = db.relationship("Book", secondary=book_tags, back_populates="tags")


class Book(*Base):
    __tablename__ = "book"
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(120))
    pages = db.Column(db.Integer)
    author_id = db.Column(db.ForeignKey("author.id"))
    author = db.relationship("Author", back_populates="books")
    tags = db.relationship("Tag", secondary=book_tags, back_populates="books")
    reviews = db.relationship("Review", back_populates="book")


class Review(*Base):
    __tablename__ = "review"
    id = db.Column(db.Integer, primary_key=True)
    stars = db.Column(db.Integer)
    book_id = db.Column(db.ForeignKey("book.id"))
    book = db.relationship("Book", back_populates="reviews")


models = [Author, Tag, Book, Review]
with app.app_context():
    if sys.argv[4:] == ["fill"]:
        drawn = random.Random(7)
        db.create_all()
        authors = [Author(name=f"Author {n}") for n in range(15)]
        tags = [Tag(name=f"tag {n}") for n in range(8)]
        books = [Book(title=f"Book {n}", pages=100 + n, author=drawn.choice(authors), tags=drawn.sample(tags, 2)) for n in range(60)]
        db.session.add_all([*authors, *tags, *books, *(Review(stars=n % 5 + 1, book=drawn.choice(books)) for n in range(120))])
        db.session.commit()
        sys.exit()
    if kind == "safrs":
        api = SAFRSAPI(app, host="127.0.0.1", port=port, prefix="/api")
        for model in models:
            api.expose_object(model)
    else:
        from flask_restless import APIManager

        manager = APIManager(app, session=db.session)
        for model in models:
            manager.create_api(model, methods=["GET", "POST", "PATCH", "DELETE"])
app.run(port=port)
