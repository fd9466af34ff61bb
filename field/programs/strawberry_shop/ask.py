"""Readers ask for lists, books, authors, and write reviews: ask.py URL"""

import json
import os
import random
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

drawn, reader = random.Random(4), Browser(sys.argv[1])


def ask(query, **variables):
    name = query.split("(")[0].split("{")[0].split()[1]
    text, _ = reader.ask("/graphql/", json.dumps({"query": query, "variables": variables, "operationName": name}).encode(), headers={"Content-Type": "application/json"})
    if '"errors"' in text:
        print(name, text[:300])


for turn in range(15):
    ask("query List($o: Int!) { books(pagination: {offset: $o, limit: 20}) { id title price author { name } tags { name } } }", o=turn * 10)
    ask("query Stars($o: Int!) { books(pagination: {offset: $o, limit: 20}, ordering: {price: DESC}) { id title stars } }", o=turn * 10)
    ask("query Authors($o: Int!) { authors(pagination: {offset: $o, limit: 15}) { id name country works } }", o=turn)
    ask("query Shelves { authors(pagination: {offset: 0, limit: 10}) { name books(pagination: {offset: 0, limit: 3}) { title tags { name } } } }")
    for _ in range(3):
        ask("query Book($id: ID!) { book(pk: $id) { title price stars author { name country works } tags { name } reviews { stars text } } }", id=drawn.randint(1, 200))
    ask("query Author($id: ID!) { author(pk: $id) { name books { title price tags { name } reviews { stars } } } }", id=drawn.randint(1, 40))
    ask("query Search($q: String!) { books(filters: {title: {iContains: $q}}) { id title author { name } } }", q=f"Book {turn}")
    ask("mutation Review($id: ID!) { addReview(data: {book: {set: $id}, stars: 4, text: \"Good\"}) { id } }", id=drawn.randint(1, 200))
