"""asyncpg: a connection, a prepared statement, a pool, a transaction, an error; and SQLAlchemy over it."""

import asyncio
import os

import asyncpg
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

WHERE = dict(part.split("=") for part in os.environ["DATABASE"].split())
TARGET = {"host": WHERE["host"], "port": int(WHERE["port"]), "user": WHERE["user"], "database": WHERE["dbname"]}
ADDRESS = "{user}@{host}:{port}/{database}".format(**TARGET)


async def alone():
    connection = await asyncpg.connect(**TARGET)
    print(await connection.fetchval("select $1::int + 1 as more", 7))
    print(await connection.fetch("select relname from pg_class order by 1 limit 1"))
    prepared = await connection.prepare("select $1::text as word")
    print(await prepared.fetchval("a"), await prepared.fetchrow("b"))
    async with connection.transaction():
        await connection.execute("create temporary table orders (id int)")
        await connection.executemany("insert into orders values ($1)", [(1,), (2,), (3,)])
        print([row["id"] async for row in connection.cursor("select id from orders")])
    try:
        await connection.execute("select * from missing")
    except asyncpg.PostgresError as error:
        print(type(error).__name__, error)
    await connection.close()


async def pooled():
    async with asyncpg.create_pool(f"postgres://{ADDRESS}", min_size=1, max_size=2) as pool:
        print(await asyncio.gather(*(pool.fetchval("select $1::int * 2 as double", each) for each in range(4))))


async def mapped():
    engine = create_async_engine(f"postgresql+asyncpg://{ADDRESS}")
    async with engine.connect() as connection:
        print((await connection.execute(sqlalchemy.text("select cast(:word as text) as mapped"), {"word": "c"})).scalar())
    await engine.dispose()


asyncio.run(alone())
asyncio.run(pooled())
asyncio.run(mapped())
raise asyncio.run(asyncpg.connect(**TARGET, statement_cache_size=-1))
