"""Trac as a WSGI application, as its page on web servers has it, with OpenTelemetry's middleware for WSGI around it."""

from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from trac.web.main import dispatch_request

application = OpenTelemetryMiddleware(dispatch_request)
