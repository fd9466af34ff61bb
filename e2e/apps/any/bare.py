"""Starlette without FastAPI under a real server, which finds out by itself what kind of application it is given."""

import socket
import threading
import time
from urllib.request import urlopen

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route


async def order(request):
    return PlainTextResponse(f"order {request.path_params['number']}")


app = Starlette(routes=[Mount("/v1", routes=[Route("/orders/{number:int}", order)])])

if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    serving = threading.Thread(target=server.run)
    serving.start()
    while not server.started:
        time.sleep(0.01)
    print(urlopen(f"http://127.0.0.1:{port}/v1/orders/7").read().decode())
    server.should_exit = True
    serving.join()
    try:
        app()
    except TypeError as error:
        print(error)
