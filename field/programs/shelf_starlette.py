"""A library's API on Starlette's routes with a pool of psycopg. shelf_starlette.py DATABASE-PORT PORT"""

import contextlib
import sys

import uvicorn
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

pool = AsyncConnectionPool(f"postgresql://field@127.0.0.1:{sys.argv[1]}/field", open=False, kwargs={"row_factory": dict_row})


@contextlib.asynccontextmanager
async def lifespan(app):
    async with pool:
        yield


async def rows(text, *values):
    async with pool.connection() as connection:
        cursor = await connection.execute(text, values)
        return await cursor.fetchall() if cursor.description else []


async def books(request):
    if request.method == "POST":
        body = await request.json()
        async with pool.connection() as connection:
            book = await (await connection.execute("INSERT INTO books (title, author_id) VALUES (%s, %s) RETURNING *", (body["title"], body["author_id"]))).fetchone()
            async with connection.cursor() as cursor:
                await cursor.executemany("INSERT INTO book_tags VALUES (%s, %s)", [(book["id"], tag) for tag in body["tags"]])
        return JSONResponse(book, 201)
    if "q" in request.query_params:
        return JSONResponse(await rows("SELECT * FROM books WHERE title ILIKE %s ORDER BY title LIMIT 20", f"%{request.query_params['q']}%"))
    page = int(request.query_params.get("page", 0))
    return JSONResponse(await rows("SELECT b.*, a.name AS author FROM books b JOIN authors a ON a.id = b.author_id ORDER BY title LIMIT 20 OFFSET %s", 20 * page))


async def book(request):
    number = request.path_params["number"]
    if request.method == "DELETE":
        await rows("DELETE FROM books WHERE id = %s", number)
        return JSONResponse(None)
    if request.method == "PUT":
        body = await request.json()
        async with pool.connection() as connection:
            await connection.execute("UPDATE books SET title = %s WHERE id = %s", (body["title"], number))
            await connection.execute("DELETE FROM book_tags WHERE book_id = %s", (number,))
            async with connection.cursor() as cursor:
                await cursor.executemany("INSERT INTO book_tags VALUES (%s, %s)", [(number, tag) for tag in body["tags"]])
    found = await rows("SELECT * FROM books WHERE id = %s", number)
    if not found:
        raise HTTPException(404, "no such book")
    found[0]["author"] = (await rows("SELECT * FROM authors WHERE id = %s", found[0]["author_id"]))[0]
    found[0]["tags"] = await rows("SELECT t.* FROM tags t JOIN book_tags bt ON bt.tag_id = t.id WHERE bt.book_id = %s", number)
    found[0]["reviews"] = await rows("SELECT stars, text FROM reviews WHERE book_id = %s", number)
    return JSONResponse(found[0])


async def review(request):
    body = await request.json()
    return JSONResponse(await rows("INSERT INTO reviews (book_id, stars, text) VALUES (%s, %s, %s) RETURNING *", request.path_params["number"], body["stars"], body["text"]), 201)


async def authors(request):
    return JSONResponse(await rows("SELECT * FROM authors ORDER BY name LIMIT 15 OFFSET %s", 15 * int(request.query_params.get("page", 0))))


async def author(request):
    number = request.path_params["number"]
    return JSONResponse({"author": await rows("SELECT * FROM authors WHERE id = %s", number), "books": await rows("SELECT * FROM books WHERE author_id = %s", number)})


async def tags(request):
    return JSONResponse(await rows("SELECT t.id, t.name, count(*) AS books FROM tags t JOIN book_tags bt ON bt.tag_id = t.id GROUP BY t.id"))


async def tag(request):
    return JSONResponse(await rows("SELECT b.* FROM books b JOIN book_tags bt ON bt.book_id = b.id WHERE bt.tag_id = %s", request.path_params["number"]))


async def popular(request):
    return JSONResponse(await rows("SELECT b.id, b.title, avg(r.stars)::float AS stars FROM books b JOIN reviews r ON r.book_id = b.id GROUP BY b.id ORDER BY stars DESC LIMIT 10"))


app = Starlette(lifespan=lifespan, routes=[
    Route("/books", books, methods=["GET", "POST"]), Route("/books/{number:int}", book, methods=["GET", "PUT", "DELETE"]), Route("/books/{number:int}/reviews", review, methods=["POST"]),
    Route("/authors", authors), Route("/authors/{number:int}", author), Route("/tags", tags), Route("/tags/{number:int}", tag), Route("/popular", popular),
])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
