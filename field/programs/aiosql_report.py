"""A library's queries in a file of their own, by aiosql: aiosql_report.py DATABASE-PORT"""

import os
import sys

import aiosql
import psycopg

queries = aiosql.from_path(os.path.join(os.environ["PROGRAMS"], "aiosql_books.sql"), "psycopg")
with psycopg.connect(f"postgresql://field@127.0.0.1:{sys.argv[1]}/field") as connection:
    for number, title, author in queries.get_books(connection, count=12):
        stars = [stars for stars, _ in queries.get_reviews(connection, book=number)]
        print(title, author, stars)
    for number in (3, 5, 8):
        queries.add_review(connection, book=number, stars=5, text="Again and again")
    print(queries.get_book(connection, id=7), queries.count_reviews(connection))
    try:
        queries.add_tags(connection, [{"name": "new 1"}, {"name": "new 2"}])
        connection.commit()
    except psycopg.errors.UniqueViolation as error:
        connection.rollback()
        print("there already:", error.diag.constraint_name)
