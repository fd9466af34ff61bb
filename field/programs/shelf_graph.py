"""Readers of a book service over GraphQL: lists with authors and tags, single books, authors with their books, reviews.

    shelf_graph.py URL
"""

import json
import random
import sys
import time
import urllib.request

drawn = random.Random(12)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(query, **variables):
    time.sleep(0.03)
    name = query.split("(")[0].split("{")[0].split()[1]
    body = json.dumps({"query": query, "variables": variables, "operationName": name}).encode()
    with opener.open(urllib.request.Request(sys.argv[1], body, {"Content-Type": "application/json"}), timeout=30) as answer:
        told = json.loads(answer.read())
    if told.get("errors"):
        print(name, str(told["errors"])[:200])


for turn in range(15):
    ask("query List($page: Int) { books(page: $page) { id title author { name } tags { name } } }", page=turn % 6)
    ask("query Titles($page: Int) { books(page: $page) { id title pages } }", page=turn % 6)
    for _ in range(4):
        ask("query Book($id: ID!) { book(id: $id) { title pages author { name country } tags { name } reviews { stars text } } }", id=str(drawn.randint(1, 200)))
    for _ in range(2):
        ask("query Author($id: ID!) { author(id: $id) { name books { title tags { name } } } }", id=str(drawn.randint(1, 40)))
    ask("query Authors($page: Int) { authors(page: $page) { name country } }", page=turn % 4)
    ask("mutation Review($book: ID!) { addReview(book: $book, stars: 4, text: \"Worth reading.\") { id } }", book=str(drawn.randint(1, 200)))
    ask("mutation Add($author: ID!) { addBook(title: \"New\", author: $author) { id title author { name } } }", author=str(drawn.randint(1, 40)))
