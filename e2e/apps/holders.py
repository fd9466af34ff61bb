"""A program whose requests wait for each other: `holders.py pool` for two connections, which one customer keeps, and
`holders.py loop` for an event loop, which one handler blocks."""

import asyncio
import queue
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("holders")
random.seed(7)

connections = queue.Queue()
connections.put("first")
connections.put("second")


def screen(customer, region):
    attributes = {"customer": customer, "region": region}
    with tracer.start_as_current_span("POST /screen", kind=trace.SpanKind.SERVER, attributes=attributes):
        with tracer.start_as_current_span("pool.acquire"):
            connection = connections.get()
        with tracer.start_as_current_span("match"):
            time.sleep(0.2 if customer == "halden" else 0.002)
        connections.put(connection)
        with tracer.start_as_current_span("answer"):
            time.sleep(random.uniform(0.002, 0.01))


def pool():
    with ThreadPoolExecutor(8) as workers:
        for _ in range(160):
            customer = "halden" if random.random() < 0.12 else random.choice(["acme", "borealis", "cargo"])
            workers.submit(screen, customer, random.choice(["north", "south"]))
            time.sleep(random.expovariate(1 / 0.025))


async def item():
    with tracer.start_as_current_span("GET /item", kind=trace.SpanKind.SERVER):
        for _ in range(3):
            with tracer.start_as_current_span("GET stock", kind=trace.SpanKind.CLIENT):
                await asyncio.sleep(random.uniform(0.005, 0.02))


async def export():
    with tracer.start_as_current_span("GET /export", kind=trace.SpanKind.SERVER):
        with tracer.start_as_current_span("GET stock", kind=trace.SpanKind.CLIENT):
            await asyncio.sleep(0.01)
        with tracer.start_as_current_span("layout"):
            time.sleep(0.2)


async def loop():
    tasks = []
    for number in range(200):
        tasks.append(asyncio.create_task(export() if number % 20 == 19 else item()))
        await asyncio.sleep(random.expovariate(1 / 0.02))
    await asyncio.gather(*tasks)


if sys.argv[1] == "pool":
    pool()
else:
    asyncio.run(loop())
provider.shutdown()
