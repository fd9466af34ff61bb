"""What arq's documentation shows: pages downloaded, results awaited, jobs put off, retried, unique by their id, aborted, and by the clock.

    arq_tasks.py    asks for the jobs; `arq arq_tasks.WorkerSettings` is the worker
"""

import asyncio
import os
from datetime import timedelta

from arq import Retry, create_pool, cron
from arq.connections import RedisSettings
from httpx import AsyncClient

REDIS_SETTINGS = RedisSettings(port=int(os.environ["REDIS_PORT"]))
PAGES = os.environ["PAGES_URL"]


async def download_content(ctx, url):
    response = await ctx["session"].get(url)
    print(f"{url}: {response.text:.80}...")
    return len(response.text)


async def check_link(ctx, url):
    response = await ctx["session"].get(url)
    if response.status_code != 200 and ctx["job_try"] < 3:
        raise Retry(defer=ctx["job_try"])
    return response.status_code


async def the_task(ctx):
    print("this is the tasks", ctx["job_id"])
    return 42


async def send_digest(ctx, name, urls):
    pages = await asyncio.gather(*[ctx["session"].get(url) for url in urls])
    jobs = [await ctx["redis"].enqueue_job("download_content", url) for url in urls[:2]]
    return name, sum(len(page.text) for page in pages) + sum([await job.result(timeout=20) for job in jobs])


async def long_one(ctx):
    await asyncio.sleep(60)


async def run_regularly(ctx):
    print("run foo job at every tenth second")


async def startup(ctx):
    ctx["session"] = AsyncClient()


async def shutdown(ctx):
    await ctx["session"].aclose()


class WorkerSettings:
    functions = [download_content, check_link, the_task, send_digest, long_one]
    cron_jobs = [cron(run_regularly, second={0, 10, 20, 30, 40, 50})]
    on_startup = startup
    on_shutdown = shutdown
    redis_settings = REDIS_SETTINGS
    allow_abort_jobs = True


async def main():
    redis = await create_pool(REDIS_SETTINGS)
    for page in range(4):
        await redis.enqueue_job("download_content", f"{PAGES}/{page}.html")

    # job_results.py
    job = await redis.enqueue_job("the_task")
    print(job.job_id, await job.info(), await job.status())
    print(await job.result(timeout=20), await job.status(), await job.result_info())

    # deferred.py
    await redis.enqueue_job("the_task", _defer_by=5)
    await redis.enqueue_job("the_task", _defer_by=timedelta(seconds=8))

    # job_ids.py
    print(await redis.enqueue_job("the_task", _job_id="foobar"))
    print(await redis.enqueue_job("the_task", _job_id="foobar"))

    links = [await redis.enqueue_job("check_link", f"{PAGES}/{number % 4}.html") for number in range(40)]
    print([await link.result(timeout=60) for link in links])
    for name in ("ann", "ben", "cleo", "dan", "eva", "finn"):
        digest = await redis.enqueue_job("send_digest", name, [f"{PAGES}/{page}.html" for page in range(4)])
        print(await digest.result(timeout=30))
    print(len(await redis.queued_jobs()), len(await redis.all_job_results()))

    # job_abort.py
    job = await redis.enqueue_job("long_one")
    await asyncio.sleep(1)
    print(await job.abort())
    await redis.aclose()


if __name__ == "__main__":
    asyncio.run(main())
