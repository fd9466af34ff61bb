"""Runs an example of Pydantic AI with its own instrumentation switched on, as its documentation says."""

import runpy
import sys

from pydantic_ai import Agent

Agent.instrument_all()
runpy.run_module("pydantic_ai_examples." + sys.argv[1], run_name="__main__")
