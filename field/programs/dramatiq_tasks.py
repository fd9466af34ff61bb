"""The tasks of Dramatiq's user guide: words of pages are counted, in groups and pipelines, with results and a rate limit."""

import os

import dramatiq
import requests
from dramatiq import group, pipeline
from dramatiq.brokers.redis import RedisBroker
from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import RedisBackend as LimitBackend
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

URL = os.environ["REDIS_URL"]
PAGES = os.environ["PAGES_URL"]
broker = RedisBroker(url=URL)
broker.add_middleware(Results(backend=RedisBackend(url=URL)))
dramatiq.set_broker(broker)
DISTRIBUTED_MUTEX = ConcurrentRateLimiter(LimitBackend(url=URL), "distributed-mutex", limit=1)


@dramatiq.actor(store_results=True)
def get_uri_contents(uri):
    return requests.get(uri).text


@dramatiq.actor(store_results=True)
def count_words(text):
    return len(text.split(" "))


@dramatiq.actor(max_retries=3, min_backoff=50, store_results=True)
def request_of_many(number):
    if number % 9 == 8:
        raise requests.ConnectionError("the page is gone")
    return requests.get(f"{PAGES}/{number % 4}.html").status_code


@dramatiq.actor(min_backoff=50, max_backoff=200)
def one_at_a_time():
    with DISTRIBUTED_MUTEX.acquire():
        requests.get(f"{PAGES}/0.html")


if __name__ == "__main__":
    for page in range(6):
        chain = pipeline([get_uri_contents.message(f"{PAGES}/{page % 4}.html"), count_words.message()]).run()
        print(chain.get_result(block=True, timeout=20_000))
    many = group([request_of_many.message(number) for number in range(8)]).run()
    print(list(many.get_results(block=True, timeout=20_000)))
    for number in range(20):
        request_of_many.send(number)
    for _ in range(5):
        one_at_a_time.send()
    broker.join("default", timeout=30_000)
