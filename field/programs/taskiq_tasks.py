"""Tasks of taskiq's guide over Redis, with results, labels, retries, dependencies and a pool to PostgreSQL; as a program, what sends them."""

import asyncio
import os
from typing import Annotated

import asyncpg
from taskiq import Context, SimpleRetryMiddleware, TaskiqDepends, TaskiqEvents, TaskiqState
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

url = f"redis://127.0.0.1:{os.environ['REDIS_PORT']}"
broker = ListQueueBroker(url).with_result_backend(RedisAsyncResultBackend(url, result_ex_time=600)).with_middlewares(SimpleRetryMiddleware(default_retry_count=2))


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def startup(state: TaskiqState):
    state.pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=4)


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def shutdown(state: TaskiqState):
    await state.pool.close()


def pool(context: Annotated[Context, TaskiqDepends()]):
    return context.state.pool


@broker.task
async def add_one(value: int) -> int:
    return value + 1


@broker.task
async def review(book: int, stars: int, db: Annotated[asyncpg.Pool, TaskiqDepends(pool)]) -> int:
    async with db.acquire() as connection, connection.transaction():
        number = await connection.fetchval("INSERT INTO reviews (book_id, stars, text) VALUES ($1, $2, 'By a task') RETURNING id", book, stars)
        await connection.execute("UPDATE books SET pages = pages + 1 WHERE id = $1", book)
    return number


@broker.task
async def summary(author: int, db: Annotated[asyncpg.Pool, TaskiqDepends(pool)]) -> dict:
    name = await db.fetchval("SELECT name FROM authors WHERE id = $1", author)
    rows = await db.fetch("SELECT b.title, avg(r.stars)::float AS stars FROM books b JOIN reviews r ON r.book_id = b.id WHERE b.author_id = $1 GROUP BY b.id", author)
    return {"name": name, "books": [dict(row) for row in rows]}


@broker.task(retry_on_error=True)
async def unsteady(number: int, context: Annotated[Context, TaskiqDepends()]) -> str:
    await asyncio.sleep(0.02)
    if number % 4 == 0 and not context.message.labels.get("_retries"):
        raise ValueError("not yet")
    return "done"


async def main():
    await broker.startup()
    for turn in range(20):
        tasks = [await add_one.kiq(turn), await review.kiq(turn + 1, turn % 5 + 1), await summary.kiq(turn + 1), await unsteady.kiq(turn)]
        for task in tasks:
            await task.wait_result(timeout=10)
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
