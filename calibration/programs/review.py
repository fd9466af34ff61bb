"""Waiting: the repaired story of `examples/stories` that asks a stand-in for a model about all files at once.

What it does is the story's own, so it takes no extra work.
"""

import runpy
import sys

from opentelemetry import context, trace

from tracing import provider, run

trace.set_tracer_provider(provider)
context.attach(run)
sys.path.insert(0, "stories")
sys.argv.append("--fixed")
runpy.run_path("stories/sequential_llm.py")
