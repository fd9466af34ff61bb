import strawberry
import strawberry_django
from strawberry import auto
from strawberry_django.optimizer import DjangoOptimizerExtension

from . import models


@strawberry_django.type(models.Tag)
class Tag:
    id: auto
    name: auto


@strawberry_django.type(models.Review)
class Review:
    id: auto
    stars: auto
    text: auto


@strawberry_django.filter_type(models.Book, lookups=True)
class BookFilter:
    id: auto
    title: auto


@strawberry_django.order_type(models.Book)
class BookOrder:
    title: auto
    price: auto


@strawberry_django.type(models.Book, filters=BookFilter, ordering=BookOrder, pagination=True)
class Book:
    id: auto
    title: auto
    price: auto
    author: "Author"
    tags: list[Tag]
    reviews: list[Review]

    @strawberry_django.field(prefetch_related=["reviews"])
    def stars(self) -> float | None:
        found = [review.stars for review in self.reviews.all()]
        return sum(found) / len(found) if found else None


@strawberry_django.type(models.Author, pagination=True)
class Author:
    id: auto
    name: auto
    country: auto
    books: list[Book]

    @strawberry_django.field
    def works(self) -> int:
        return self.books.count()


@strawberry_django.input(models.Review)
class ReviewInput:
    book: auto
    stars: auto
    text: auto


@strawberry.type
class Query:
    books: list[Book] = strawberry_django.field()
    book: Book = strawberry_django.field()
    authors: list[Author] = strawberry_django.field()
    author: Author = strawberry_django.field()
    tags: list[Tag] = strawberry_django.field()


@strawberry.type
class Mutation:
    add_review: Review = strawberry_django.mutations.create(ReviewInput)


schema = strawberry.Schema(query=Query, mutation=Mutation, extensions=[DjangoOptimizerExtension])
