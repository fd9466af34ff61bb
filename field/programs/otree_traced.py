"""Runs oTree's command with its application inside OpenTelemetry's middleware, since oTree leaves out what is put into Starlette's own.

otree_traced.py COMMAND ARGUMENTS
"""

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from otree.cli import prodserver1of2
from otree.main import execute_from_command_line
from uvicorn.main import Config, Server


def serve(address, port, *, is_devserver):
    from otree.asgi import app

    Server(Config(OpenTelemetryMiddleware(app), host=address, port=int(port), log_config=None, workers=1, ws="websockets")).run()


prodserver1of2.run_uvicorn = serve
execute_from_command_line()
