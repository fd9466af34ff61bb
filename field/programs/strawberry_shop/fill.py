"""For `django-admin shell`: 40 authors, 200 books with tags, 600 reviews."""

import random

from strawberry_shop.models import Author, Book, Review, Tag

drawn = random.Random(1)
tags = [Tag.objects.create(name=f"tag {number}") for number in range(12)]
authors = [Author.objects.create(name=f"Author {number}", country=f"Country {number % 7}") for number in range(40)]
for number in range(200):
    book = Book.objects.create(title=f"Book {number}", price=5 + number % 20, author=authors[number * 7 % 40])
    book.tags.add(*drawn.sample(tags, 3))
    Review.objects.bulk_create(Review(book=book, stars=drawn.randint(1, 5), text="What I think.") for _ in range(3))
