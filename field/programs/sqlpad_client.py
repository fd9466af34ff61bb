"""SQLPad as two people use it: connections to the forum's database, queries saved, run, opened again and downloaded.

sqlpad_client.py URL PORT_OF_THE_DATABASE
"""

import http.cookiejar
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

SITE, PORT = sys.argv[1], sys.argv[2]
QUERIES = [
    ("Posts by topic", "SELECT topic, count(*) FROM forum_example.post GROUP BY topic ORDER BY 2 DESC"),
    ("Newest posts", "SELECT id, headline, created_at FROM forum_example.post ORDER BY id DESC LIMIT 50"),
    ("All posts", "SELECT * FROM forum_example.post ORDER BY id"),
    ("Authors", "SELECT id, first_name, last_name FROM forum_example.person ORDER BY last_name"),
    ("Busiest authors", "SELECT p.first_name, p.last_name, count(*) FROM forum_example.post t JOIN forum_example.person p ON p.id = t.author_id GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10"),
    ("Length of posts", "SELECT topic, avg(length(body)) FROM forum_example.post GROUP BY topic"),
    ("Questions", "SELECT id, headline FROM forum_example.post WHERE topic = 'help' ORDER BY id"),
    ("People without posts", "SELECT * FROM forum_example.person p WHERE NOT EXISTS (SELECT 1 FROM forum_example.post t WHERE t.author_id = p.id)"),
    ("Posts of Ann", "SELECT headline FROM forum_example.post WHERE author_id = 3"),
    ("Tables", "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"),
    ("Headlines with a 7", "SELECT id, headline FROM forum_example.post WHERE headline LIKE '%7%'"),
    ("A mistake", "SELECT heading FROM forum_example.post"),
]


class Person:
    def __init__(self, email):
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)
        secrets = {"email": email, "password": "secret", "passwordConfirmation": "secret"}
        self.ask("POST", "/api/signup", secrets)
        self.ask("POST", "/api/signin", secrets)

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(SITE + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with self.opener.open(request, timeout=30) as answer:
                text = answer.read()
                return json.loads(text) if "json" in answer.headers.get_content_type() else {}
        except urllib.error.HTTPError as error:
            print(method, path, error.code, error.read()[:200])
            return {}

    def list_page(self):
        for path in ("/queries", "/api/app", "/api/connections", "/api/queries", "/api/tags", "/api/users"):
            self.ask("GET", path)

    def editor(self, query):
        """The page of one query, which its writer runs."""
        for path in (f"/queries/{query['_id']}", "/api/app", "/api/connections", f"/api/queries/{query['_id']}", "/api/tags",
                     f"/api/schema-info/{query['connectionId']}"):
            self.ask("GET", path)
        return self.run(query)

    def run(self, query):
        body = {"connectionId": query["connectionId"], "cacheKey": query["_id"], "queryName": query["name"], "queryText": query["queryText"]}
        return self.ask("POST", "/api/query-result", body).get("queryResult", {})


ann = Person("ann@example.com")
connection = {"name": "Forum", "driver": "postgres", "host": "127.0.0.1", "port": PORT, "database": "field", "username": "field", "password": "none"}
ann.ask("GET", "/api/drivers")
ann.ask("POST", "/api/test-connection", connection)
forum = ann.ask("POST", "/api/connections", connection)["connection"]["_id"]
ann.ask("POST", "/api/connections", connection | {"name": "Administration", "database": "postgres"})
ann.ask("POST", "/api/users", {"email": "ben@example.com", "role": "editor"})
ann.ask("GET", f"/api/schema-info/{forum}?reload=true")

queries = []
for number, (name, text) in enumerate(QUERIES):
    ann.ask("POST", "/api/format-sql", {"query": text})
    draft = {"name": name, "queryText": text, "connectionId": forum, "tags": ["forum", "posts" if "post" in name.lower() else "people"]}
    query = ann.ask("POST", "/api/queries", draft)["query"]
    queries.append(query)
    ann.run(query)
    if number % 3 == 0:
        ann.ask("PUT", f"/api/queries/{query['_id']}", draft | {"chartConfiguration": {"chartType": "bar", "fields": {}}})
        ann.run(query)
    if number % 4 == 0:
        ann.list_page()

ben = Person("ben@example.com")
for number in range(8):
    ben.list_page()
    for query in queries[number % 4::4]:
        ben.editor(query)
        # A page with a chart alone, as it is embedded elsewhere.
        ben.ask("GET", f"/api/query-result/{query['_id']}")
    kept = queries[number]
    ben.ask("GET", f"/download-results/{kept['_id']}.csv")
    ben.ask("GET", f"/download-results/{kept['_id']}.xlsx")
own = ben.ask("POST", "/api/queries", {"name": "Ben's own", "queryText": QUERIES[0][1], "connectionId": forum, "tags": []})["query"]
ben.editor(own)
ben.ask("DELETE", f"/api/queries/{own['_id']}")
ann.ask("GET", "/api/users")
ann.list_page()
print("asked", len(queries), "queries")
