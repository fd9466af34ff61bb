"""A shortener of addresses in SQLite: web_counters.py bottle|cherrypy PORT"""

import sqlite3
import sys

kind, port = sys.argv[1], int(sys.argv[2])


def connect():
    db = sqlite3.connect("links.db")
    db.row_factory = sqlite3.Row
    return db


with connect() as made:
    made.executescript("DROP TABLE IF EXISTS links; DROP TABLE IF EXISTS visits; CREATE TABLE links (id INTEGER PRIMARY KEY, url TEXT UNIQUE); CREATE TABLE visits (link INTEGER, agent TEXT, at TEXT DEFAULT CURRENT_TIMESTAMP)")
    made.executemany("INSERT INTO links (url) VALUES (?)", [(f"http://example.org/{n}",) for n in range(80)])


def listed():
    with connect() as db:
        return [dict(row) for row in db.execute("SELECT l.id, l.url, count(v.link) AS visits FROM links l LEFT JOIN visits v ON v.link = l.id GROUP BY l.id ORDER BY l.id DESC LIMIT 25")]


def opened(number, agent):
    with connect() as db:
        row = db.execute("SELECT url FROM links WHERE id = ?", (number,)).fetchone()
        if row:
            db.execute("INSERT INTO visits (link, agent) VALUES (?, ?)", (number, agent))
        return row and row["url"]


def added(url):
    with connect() as db:
        return db.execute("INSERT INTO links (url) VALUES (?)", (url,)).lastrowid


if kind == "bottle":
    from bottle import Bottle, abort, request, response

    app = Bottle()

    @app.get("/links")
    def links():
        return {"links": listed()}

    @app.post("/links")
    def add():
        try:
            return {"id": added(request.json["url"])}
        except sqlite3.IntegrityError:
            response.status = 409
            return {"error": "there already"}

    @app.get("/links/<number:int>")
    def follow(number):
        url = opened(number, request.get_header("User-Agent"))
        return {"url": url} if url else abort(404, "no such link")

    app.run(host="127.0.0.1", port=port, quiet=True)
else:
    import cherrypy

    @cherrypy.expose
    @cherrypy.popargs("number")
    class Links:
        @cherrypy.tools.json_out()
        def GET(self, number=None):
            if number is None:
                return {"links": listed()}
            url = opened(int(number), cherrypy.request.headers.get("User-Agent"))
            if not url:
                raise cherrypy.HTTPError(404, "no such link")
            return {"url": url}

        @cherrypy.tools.json_out()
        @cherrypy.tools.json_in()
        def POST(self):
            try:
                return {"id": added(cherrypy.request.json["url"])}
            except sqlite3.IntegrityError:
                raise cherrypy.HTTPError(409, "there already")

    cherrypy.config.update({"server.socket_host": "127.0.0.1", "server.socket_port": port, "log.screen": False})
    cherrypy.quickstart(Links(), "/links", {"/": {"request.dispatch": cherrypy.dispatch.MethodDispatcher()}})
