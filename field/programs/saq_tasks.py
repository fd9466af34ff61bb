"""Tasks of SAQ's documentation (functions with results, scheduled and unique ones, the clock, hooks) and, as a program, what enqueues them."""

import asyncio
import os
import time

import httpx
from saq import CronJob, Queue

queue = Queue.from_url(f"redis://127.0.0.1:{os.environ['REDIS_PORT']}")
PAGES = os.environ["PAGES_URL"]


async def startup(ctx):
    ctx["client"] = httpx.AsyncClient(trust_env=False)


async def shutdown(ctx):
    await ctx["client"].aclose()


async def count_words(ctx, *, page):
    answer = await ctx["client"].get(f"{PAGES}/{page % 4}.html")
    return {"page": page, "words": len(answer.text.split())}


async def mail(ctx, *, to, subject):
    await asyncio.sleep(0.05)
    return f"{subject} to {to}"


async def resize(ctx, *, picture):
    for part in range(5):
        await asyncio.sleep(0.05)
        await ctx["job"].update(meta={"done": part * 20})
    return picture


async def report(ctx, *, pages):
    counts = await queue.map("count_words", [{"page": page} for page in pages], timeout=20)
    return sum(count["words"] for count in counts)


async def cleanup(ctx):
    return await queue.count("queued")


settings = {
    "queue": queue,
    "functions": [count_words, mail, resize, report],
    "concurrency": 10,
    "cron_jobs": [CronJob(cleanup, cron="* * * * * */10")],
    "startup": startup,
    "shutdown": shutdown,
}


async def main():
    for person in range(30):
        await queue.enqueue("mail", to=f"person{person}@example.com", subject="Welcome")
    for person in range(10):
        await queue.enqueue("mail", to=f"person{person}@example.com", subject="A week later", scheduled=time.time() + 5 + person)
    jobs = [await queue.enqueue("count_words", page=page) for page in range(20)]
    for job in jobs[:5]:
        await job.refresh(10)
        print(job.status, job.result)
    for picture in range(8):
        await queue.enqueue("resize", picture=f"picture-{picture}.jpg", timeout=20)
    for _ in range(3):
        await queue.enqueue("mail", to="boss@example.com", subject="Once", key="once")
    print(await queue.apply("mail", to="someone@example.com", subject="Now"))
    print(await queue.map("count_words", [{"page": page} for page in range(8)]))
    print(await queue.apply("report", pages=list(range(6)), timeout=30))
    late = await queue.enqueue("resize", picture="unwanted.jpg", scheduled=time.time() + 60)
    await late.abort("not wanted any more")
    await asyncio.sleep(3)
    await queue.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
