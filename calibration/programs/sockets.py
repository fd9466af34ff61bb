"""Asyncio: an HTTP server and its clients in one process, over real sockets of the loopback interface."""

import asyncio
import json

from tracing import execution, more, step

ARTICLES = [{"id": number, "name": f"article {number}", "prices": list(range(20))} for number in range(200)]


async def serve(reader, writer):
    while line := await reader.readline():
        while (await reader.readline()).strip():
            pass
        number = int(line.split()[1].rsplit(b"/", 1)[1])
        body = json.dumps(ARTICLES[number % 200]).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
    writer.close()


async def get(reader, writer, number):
    writer.write(b"GET /articles/%d HTTP/1.1\r\nhost: localhost\r\n\r\n" % number)
    head = await reader.readuntil(b"\r\n\r\n")
    return json.loads(await reader.readexactly(int(head.rsplit(b":", 1)[1])))


async def visit(port, requests):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = [await get(reader, writer, number) for number in range(requests)]
    writer.close()
    return len(found)


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for _ in range(12):
        with execution("shelf.page"):
            await visit(port, more(100))
    for _ in range(12):
        with execution("shelf.rush"):
            with step("clients"):
                found = await asyncio.gather(*(visit(port, 4) for _ in range(more(33))))
    server.close()
    print(sum(found))


asyncio.run(main())
