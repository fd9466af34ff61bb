"""A library's API in resources of Flask-RESTful with marshalled fields. shelf_restful.py DATABASE-PORT PORT"""

import sys

from flask import Flask, g, request
from flask_restful import Api, Resource, abort, fields, marshal_with, reqparse
from shelf_models import Author, Book, Review, Tag, sessions
from sqlalchemy import func, select

make = sessions(sys.argv[1])
app = Flask(__name__)
api = Api(app)

short = {"id": fields.Integer, "title": fields.String, "author": fields.String(attribute="author.name"), "tags": fields.List(fields.String(attribute="name"))}
full = short | {"pages": fields.Integer, "reviews": fields.List(fields.Nested({"stars": fields.Integer, "text": fields.String}))}
person = {"id": fields.Integer, "name": fields.String, "country": fields.String}
parser = reqparse.RequestParser()
parser.add_argument("title", required=True, location="json")
parser.add_argument("author_id", type=int, location="json")
parser.add_argument("tags", type=int, action="append", default=[], location="json")


@app.before_request
def begin():
    g.session = make()


@app.teardown_request
def end(error):
    g.session.close()


def found(model, number):
    return g.session.get(model, number) or abort(404, message=f"{model.__name__} {number} doesn't exist")


class BookList(Resource):
    @marshal_with(short)
    def get(self):
        query = select(Book).order_by(Book.title).limit(20)
        if "q" in request.args:
            query = query.where(Book.title.ilike(f"%{request.args['q']}%"))
        return g.session.scalars(query.offset(20 * request.args.get("page", 0, int))).all()

    @marshal_with(short)
    def post(self):
        given = parser.parse_args()
        book = Book(title=given["title"], author_id=given["author_id"], tags=[g.session.get(Tag, tag) for tag in given["tags"]])
        g.session.add(book)
        g.session.commit()
        return book, 201


class BookResource(Resource):
    @marshal_with(full)
    def get(self, number):
        return found(Book, number)

    @marshal_with(full)
    def put(self, number):
        given, book = parser.parse_args(), found(Book, number)
        book.title, book.tags = given["title"], g.session.scalars(select(Tag).where(Tag.id.in_(given["tags"]))).all()
        g.session.commit()
        return book

    def delete(self, number):
        g.session.delete(found(Book, number))
        g.session.commit()
        return "", 204


class Reviews(Resource):
    def post(self, number):
        g.session.add(Review(book=found(Book, number), stars=request.json["stars"], text=request.json["text"]))
        g.session.commit()
        return {"said": True}, 201


class Authors(Resource):
    @marshal_with(person)
    def get(self):
        return g.session.scalars(select(Author).order_by(Author.name).limit(15).offset(15 * request.args.get("page", 0, int))).all()


class OneAuthor(Resource):
    @marshal_with(person | {"books": fields.List(fields.Nested(short))})
    def get(self, number):
        return found(Author, number)


class Tags(Resource):
    @marshal_with({"id": fields.Integer, "name": fields.String})
    def get(self):
        return g.session.scalars(select(Tag)).all()


class OneTag(Resource):
    @marshal_with({"name": fields.String, "books": fields.List(fields.String(attribute="title"))})
    def get(self, number):
        return found(Tag, number)


class Popular(Resource):
    def get(self):
        stars = func.avg(Review.stars)
        return [{"title": title, "stars": float(mean)} for title, mean in g.session.execute(select(Book.title, stars).join(Review).group_by(Book.id).order_by(stars.desc()).limit(10))]


for resource, address in [(BookList, "/books"), (BookResource, "/books/<int:number>"), (Reviews, "/books/<int:number>/reviews"), (Authors, "/authors"), (OneAuthor, "/authors/<int:number>"), (Tags, "/tags"), (OneTag, "/tags/<int:number>"), (Popular, "/popular")]:
    api.add_resource(resource, address)
app.run(port=int(sys.argv[2]), threaded=True)
