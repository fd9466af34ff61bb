"""Readers of a library: they log in, look through lists and books, write reviews; a librarian adds, changes and removes books.

    library_readers.py URL [token]

With `token`, who logs in gets a token to send instead of a cookie.
"""

import http.cookiejar
import json
import random
import sys
import time
import urllib.error
import urllib.request

chance = random.Random(6)


class Reader:
    def __init__(self, name):
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)
        self.headers = {}
        answer = self.ask("POST", "/login", {"name": name, "password": "secret"})
        if sys.argv[2:] == ["token"]:
            self.headers["Authorization"] = "Bearer " + answer["token"]

    def ask(self, method, path, body=None):
        time.sleep(0.03)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"} | self.headers if data else self.headers, method=method)
        try:
            with self.opener.open(request, timeout=20) as answer:
                text = answer.read()
                return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text
        except urllib.error.HTTPError as error:
            error.read()
            print(method, path, error.code)
            return {}


for number in range(1, 16):
    reader = Reader(f"person{number}")
    reader.ask("GET", "/")
    if sys.argv[2:] != ["token"]:
        reader.ask("GET", "/static/style.css")
    reader.ask("GET", "/api/popular")
    for page in range(2):
        listed = reader.ask("GET", f"/api/books?page={page + number % 8}")
        for book in chance.sample(listed, 3):
            if sys.argv[2:] != ["token"]:
                reader.ask("GET", f"/book/{book['id']}")
            found = reader.ask("GET", f"/api/books/{book['id']}")
            reader.ask("GET", f"/api/authors/{found['author_id']}")
    reader.ask("GET", f"/api/books?q={chance.randint(10, 40)}")
    reader.ask("POST", f"/api/books/{number * 3}/reviews", {"stars": number % 5 + 1, "text": "Worth reading."})
librarian = Reader("person20")
for number in range(15):
    made = librarian.ask("POST", "/api/books", {"title": f"New book {number}", "pages": 90 + number, "author_id": number + 1})
    librarian.ask("PUT", f"/api/books/{made['id']}", {"title": f"New book {number}, second edition", "pages": 95, "author_id": number + 1})
    if number % 3 == 0:
        librarian.ask("DELETE", f"/api/books/{made['id']}")
    librarian.ask("GET", "/api/books?q=new")
librarian.ask("GET", "/api/books/99999")
