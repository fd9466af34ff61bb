"""A library's API as FastAPI's tutorial builds one: response models, a session as a dependency. shelf_fastapi.py DATABASE-PORT PORT"""

import sys

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from shelf_models import Author, Book, Review, Tag, sessions
from sqlalchemy import func, select
from sqlalchemy.orm import Session

make = sessions(sys.argv[1])
app = FastAPI()


class Model(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AuthorOut(Model):
    id: int
    name: str


class TagOut(Model):
    id: int
    name: str


class BookOut(Model):
    id: int
    title: str
    pages: int
    author: AuthorOut
    tags: list[TagOut]


class ReviewIn(Model):
    stars: int
    text: str


class BookFull(BookOut):
    reviews: list[ReviewIn]


class AuthorFull(AuthorOut):
    books: list[BookOut]


class BookIn(BaseModel):
    title: str
    author_id: int | None = None
    tags: list[int]


def session():
    with make() as one:
        yield one


def found(session, model, number):
    row = session.get(model, number)
    if row is None:
        raise HTTPException(404, f"no {model.__name__} {number}")
    return row


@app.get("/books", response_model=list[BookOut])
def books(page: int = 0, q: str | None = None, session: Session = Depends(session)):
    query = select(Book).order_by(Book.title).limit(20)
    return session.scalars(query.where(Book.title.ilike(f"%{q}%")) if q else query.offset(20 * page)).all()


@app.get("/books/{number}", response_model=BookFull)
def book(number: int, session: Session = Depends(session)):
    return found(session, Book, number)


@app.post("/books", response_model=BookOut)
def create(body: BookIn, session: Session = Depends(session)):
    tags = session.scalars(select(Tag).where(Tag.id.in_(body.tags))).all()
    book = Book(title=body.title, author_id=body.author_id, tags=list(tags))
    session.add(book)
    session.commit()
    session.refresh(book)
    return book


@app.put("/books/{number}", response_model=BookOut)
def change(number: int, body: BookIn, session: Session = Depends(session)):
    book = found(session, Book, number)
    book.title, book.tags = body.title, list(session.scalars(select(Tag).where(Tag.id.in_(body.tags))))
    session.commit()
    return book


@app.delete("/books/{number}", status_code=204)
def delete(number: int, session: Session = Depends(session)):
    session.delete(found(session, Book, number))
    session.commit()


@app.post("/books/{number}/reviews", response_model=ReviewIn)
def review(number: int, body: ReviewIn, session: Session = Depends(session)):
    review = Review(book=found(session, Book, number), **body.model_dump())
    session.add(review)
    session.commit()
    return review


@app.get("/authors", response_model=list[AuthorOut])
def authors(page: int = 0, session: Session = Depends(session)):
    return session.scalars(select(Author).order_by(Author.name).limit(15).offset(15 * page)).all()


@app.get("/authors/{number}", response_model=AuthorFull)
def author(number: int, session: Session = Depends(session)):
    return found(session, Author, number)


@app.get("/tags", response_model=list[TagOut])
def tags(session: Session = Depends(session)):
    return session.scalars(select(Tag)).all()


@app.get("/tags/{number}")
def tag(number: int, session: Session = Depends(session)):
    tag = found(session, Tag, number)
    return {"name": tag.name, "books": [book.title for book in tag.books]}


@app.get("/popular")
def popular(session: Session = Depends(session)):
    rows = session.execute(select(Book.id, Book.title, func.avg(Review.stars).label("stars")).join(Review).group_by(Book.id).order_by(func.avg(Review.stars).desc()).limit(10))
    return [{"id": row.id, "title": row.title, "stars": float(row.stars)} for row in rows]


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
