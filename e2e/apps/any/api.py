"""FastAPI over PostgreSQL, asked in the same process and by a real server."""

import os
import sys

import psycopg
import psycopg2
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

WHERE = os.environ["DATABASE"]
app = FastAPI()
router = APIRouter(prefix="/orders")


@router.get("/{order}")
async def show(order: int):
    async with await psycopg.AsyncConnection.connect(WHERE) as connection:
        rows = await (await connection.execute("select %s::int as found", (order,))).fetchall()
    return rows


@router.get("/old/{order}")
def show_old(order: int):
    connection = psycopg2.connect(WHERE)
    with connection.cursor() as cursor:
        cursor.execute("select %s as found from pg_class limit 1", (order,))
        return cursor.fetchall()


@router.get("/broken/now")
def broken():
    with psycopg.connect(WHERE) as connection:
        connection.execute("select * from missing")


app.include_router(router, prefix="/v1")

if __name__ == "__main__":
    client = TestClient(app, raise_server_exceptions=False)
    for path in ("/v1/orders/7", "/v1/orders/old/8", "/v1/orders/broken/now", "/none"):
        answer = client.get(path)
        print(path, answer.status_code, answer.text, file=sys.stdout)
