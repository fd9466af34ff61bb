"""Pages of a library's site that ask its GraphQL: lists, a book, an author, a review; a few questions are misspelt. graphql_readers.py URL"""

import json
import random
import sys
import urllib.error
import urllib.request

drawn = random.Random(5)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(query, **variables):
    body = json.dumps({"query": query, "variables": variables}).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + "/graphql", body, {"Content-Type": "application/json"}), timeout=20) as answer:
            found = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        found = {"errors": error.read()[:120].decode()}
    if found.get("errors"):
        print(str(found["errors"])[:200])


for turn in range(14):
    ask("query Home($page: Int) { books(page: $page) { id title author { name } } }", page=turn % 6)
    ask("query Authors { authors { id name country } }")
    for _ in range(4):
        ask("query Book($id: ID!) { book(id: $id) { title pages author { name country } tags { name } reviews { stars text } } }", id=drawn.randint(1, 200))
    ask("query Author($id: ID!) { author(id: $id) { name books { title tags { name } } } }", id=drawn.randint(1, 40))
    ask("mutation Say($book: ID!) { addReview(book: $book, stars: 4, text: \"Good\") { stars } }", book=drawn.randint(1, 200))
    if turn % 7 == 6:
        ask("query Typo { books { titel } }")
