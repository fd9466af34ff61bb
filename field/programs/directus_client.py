"""A magazine over Directus' API: collections made as its guide does, articles written, lists and pages as a site asks for them.

directus_client.py URL
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
token = None


def ask(method, path, body=None, public=False, **parameters):
    url = sys.argv[1] + path + ("?" + urllib.parse.urlencode(parameters, doseq=True) if parameters else "")
    headers = {"Content-Type": "application/json"}
    if token and not public:
        headers["Authorization"] = "Bearer " + token
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
            text = answer.read()
            return json.loads(text).get("data") if text and "json" in answer.headers.get_content_type() else None
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:300])
        return None


def field(name, kind="string", interface="input", **more):
    return {"field": name, "type": kind, "meta": {"interface": interface} | more.pop("meta", {}), "schema": more.pop("schema", {})}


KEY = field("id", "integer", schema={"is_primary_key": True, "has_auto_increment": True}, meta={"hidden": True})


def relation(collection, name, related, many=None, junction=None):
    ask("POST", "/relations", {"collection": collection, "field": name, "related_collection": related,
                               "meta": {"one_field": many, "junction_field": junction}, "schema": {"on_delete": "SET NULL"}})


def alias(collection, name, special):
    ask("POST", f"/fields/{collection}", {"field": name, "type": "alias", "meta": {"special": [special], "interface": "list-" + special}})


def app():
    """What the pages of the administration ask for as they start."""
    for path in ("/server/info", "/settings", "/collections", "/fields", "/relations", "/permissions/me", "/roles/me", "/policies/me/globals", "/panels", "/notifications"):
        ask("GET", path)
    ask("GET", "/users/me", **{"fields[]": ["*", "role.id"]})
    ask("GET", "/presets", **{"filter[user][_null]": "true", "limit": -1})


token = ask("POST", "/auth/login", {"email": "admin@example.com", "password": "secret12"})["access_token"]
app()
ask("POST", "/collections", {"collection": "authors", "meta": {"icon": "person"}, "schema": {}, "fields": [KEY, field("name"), field("about", "text")]})
ask("POST", "/collections", {"collection": "tags", "meta": {}, "schema": {}, "fields": [KEY, field("name")]})
ask("POST", "/collections", {"collection": "articles", "meta": {"note": "What is published"}, "schema": {}, "fields": [
    KEY, field("status", meta={"width": "half"}, schema={"default_value": "draft"}), field("title"), field("body", "text", "input-rich-text-html"),
    field("published", "timestamp", "datetime"), field("views", "integer"), field("author", "integer", "select-dropdown-m2o", meta={"special": ["m2o"]})]})
ask("POST", "/collections", {"collection": "articles_tags", "meta": {"hidden": True}, "schema": {}, "fields": [
    KEY, field("articles_id", "integer"), field("tags_id", "integer")]})
alias("authors", "articles", "o2m")
relation("articles", "author", "authors", many="articles")
alias("articles", "tags", "m2m")
relation("articles_tags", "articles_id", "articles", many="tags", junction="tags_id")
relation("articles_tags", "tags_id", "tags", junction="articles_id")
policies = ask("GET", "/policies", **{"filter[name][_contains]": "public"}) or []
for collection in ("articles", "authors", "tags", "articles_tags"):
    for policy in policies[:1]:
        ask("POST", "/permissions", {"policy": policy["id"], "collection": collection, "action": "read", "fields": ["*"],
                                     "permissions": {"status": {"_eq": "published"}} if collection == "articles" else {}})

authors = ask("POST", "/items/authors", [{"name": f"Author {n}", "about": f"Writes about topic {n}."} for n in range(12)])
tags = ask("POST", "/items/tags", [{"name": name} for name in ("news", "music", "film", "books", "food", "travel", "science", "sport")])
for number in range(40):
    ask("POST", "/items/articles", {"title": f"Article {number}", "status": "draft" if number % 5 == 0 else "published", "body": f"<p>{'Words. ' * 60}</p>",
                                    "published": f"2026-0{1 + number % 9}-1{number % 10}T10:00:00", "views": number * 7 % 100,
                                    "author": authors[number % 12]["id"], "tags": [{"tags_id": tags[number % 8]["id"]}, {"tags_id": tags[(number + 3) % 8]["id"]}]})

# A site's pages: the newest, by tag, an article with its author, an author with articles, search, counts.
for number in range(10):
    newest = ask("GET", "/items/articles", public=True, **{"sort": "-published", "limit": 10, "fields": "id,title,published,author.name"}) or []
    ask("GET", "/items/articles", public=True, **{"filter[tags][tags_id][name][_eq]": ["news", "music", "film", "books"][number % 4], "fields": "*,author.*,tags.tags_id.name", "limit": 20})
    for article in newest[number % 3:number % 3 + 3]:
        ask("GET", f"/items/articles/{article['id']}", public=True, fields="*,author.*,author.articles.title,tags.tags_id.*")
    ask("GET", f"/items/authors/{authors[number]['id']}", public=True, fields="*,articles.id,articles.title")
    ask("GET", "/items/articles", public=True, **{"search": f"Article {number}", "meta": "total_count,filter_count"})
    ask("GET", "/items/articles", public=True, **{"aggregate[count]": "*", "groupBy[]": "author"})
    ask("POST", "/graphql", {"query": "query { articles(limit: 10, sort: [\"-views\"]) { id title author { name } tags { tags_id { name } } } }"}, public=True)

# An editor: a list, an article with its revisions, changes of one and of several, an article thrown away.
for number in range(8):
    app()
    ask("GET", "/items/articles", **{"limit": 25, "page": 1 + number % 2, "fields[]": ["status", "title", "author.name", "id"], "sort[]": "id", "meta": "*"})
    ask("GET", "/items/articles", **{"aggregate[countDistinct]": "id"})
    key = number * 4 + 1
    ask("GET", f"/items/articles/{key}", fields="*.*")
    ask("GET", "/revisions", **{"filter[collection][_eq]": "articles", "filter[item][_eq]": key, "fields[]": ["id", "activity.action", "activity.timestamp", "activity.user.first_name"], "sort": "-id"})
    ask("PATCH", f"/items/articles/{key}", {"title": f"Article {key}, corrected", "status": "published"})
    ask("PATCH", "/items/articles", {"keys": [key + 1, key + 2], "data": {"views": 0}})
ask("DELETE", "/items/articles/40")
ask("GET", "/activity", **{"limit": 50, "sort": "-id", "fields": "*,user.first_name"})
ask("GET", "/users", fields="*.*")
ask("GET", "/items/articles/3")
print("articles", ask("GET", "/items/articles", **{"aggregate[count]": "*"}))
