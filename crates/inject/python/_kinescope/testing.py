"""Spans of tests: each test of pytest or unittest is an execution.

Owns: name, suite, outcome and place of a test. What a test does has the test's span above it, whatever thread or event
loop does it. Never does: register a plugin, or change what a framework prints.
"""

import os

from . import errors, guard, place, spans

ROLE = "test"
PASSED, FAILED, ERROR, SKIPPED = "passed", "failed", "error", "skipped"
EXPECTED_FAILURE, UNEXPECTED_SUCCESS, TIMED_OUT = "expected_failure", "unexpected_success", "timed_out"


def open_test(name, suite, framework):
    attributes = {"test.case.name": name, "test.suite.name": suite, "kino.test.framework": framework}
    span = spans.open_span(name, spans.INTERNAL, attributes, ROLE)
    spans.active_test = span
    return span


def close_test(span, outcome, failed=None):
    """Ends a test with its outcome. `failed` overrules which result follows from it."""
    if spans.active_test is span:
        spans.active_test = None
    span.set("kino.test.outcome", outcome)
    is_failure = outcome in (FAILED, ERROR, TIMED_OUT) if failed is None else failed
    if outcome != SKIPPED:
        span.set("test.case.result.status", "fail" if is_failure else "pass")
    span.status = 2 if is_failure else 0
    if not is_failure:
        span.message = ""
        span.attributes.pop("error.type", None)
    elif "error.type" not in span.attributes:
        span.set("error.type", outcome)
    span.end()


def record(span, error):
    """Adds a failure, with its traceback from the project's code on."""
    span.record(error, from_project=True)


# pytest


def on_runner(module):
    """`runtestprotocol` runs one test with its fixtures, in a worker of xdist as well."""

    def begin(call):
        item = call.args[0] if call.args else call.kwargs["item"]
        name, node = item.name, item.nodeid
        suite = node[: -len(name)].rstrip(":") if node.endswith(name) else node.partition("::")[0]
        call.span = open_test(name, suite, "pytest")
        path, line = item.location[0], item.location[1]
        whole = os.path.abspath(str(getattr(item, "path", None) or getattr(item, "fspath", path)))
        call.span.set("code.file.path", whole)
        if isinstance(line, int):
            call.span.set("code.line.number", line + 1)
        call.span.set("code.function.name", getattr(getattr(item, "function", None), "__qualname__", None))

    def end(call):
        if call.span is None:
            return
        outcome, is_failure = outcome_of(call.result or ())
        if outcome == PASSED and call.span.note:
            # A part of it failed, and the framework reports that by itself.
            outcome, is_failure = FAILED, True
        close_test(call.span, outcome, is_failure)

    def failed(call, error):
        if call.span is not None:
            record(call.span, error)
            close_test(call.span, ERROR)

    guard.patch(module, "runtestprotocol", "testing.pytest", begin, end, failed)


def outcome_of(reports):
    """Outcome of a test's reports, and whether the framework counts it as failed."""
    found, failed = PASSED, False
    for report in reports:
        was_expected = hasattr(report, "wasxfail")
        if report.failed:
            text = failure_text(report)
            failed = True
            if report.when != "call":
                found = ERROR if found in (PASSED, SKIPPED) else found
            elif "[XPASS(strict)]" in text:
                found = UNEXPECTED_SUCCESS
            else:
                found = FAILED
            if "Failed: Timeout" in text[:64] or "Timeout (>" in text[:64]:
                found = TIMED_OUT
        elif report.skipped and not failed:
            found = EXPECTED_FAILURE if was_expected else SKIPPED
        elif report.when == "call" and was_expected and not failed:
            found = UNEXPECTED_SUCCESS
    return found, failed


def failure_text(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    return crash.message if crash is not None else str(report.longrepr)[:200]


def on_reports(module):
    def remember(call):
        info = call.args[2] if len(call.args) > 2 else call.kwargs["call"]
        span = spans.active_test
        if span is not None and call.result.failed and info.excinfo is not None:
            span.note = True
            record(span, info.excinfo.value)

    guard.patch(module.TestReport, "from_item_and_call", "testing.report", guard.nothing, remember, guard.ignore)


def on_timeout(module):
    """`pytest-timeout` may end the process from another thread."""

    def expire(call):
        if spans.active_test is not None:
            close_test(spans.active_test, TIMED_OUT)

    guard.patch(module, "timeout_timer", "testing.timeout", expire, guard.nothing, guard.ignore)


# unittest

LISTS = (
    ("errors", ERROR),
    ("failures", FAILED),
    ("unexpectedSuccesses", UNEXPECTED_SUCCESS),
    ("expectedFailures", EXPECTED_FAILURE),
    ("skipped", SKIPPED),
)


def on_unittest(module):
    case = module.TestCase

    def begin(call):
        if spans.active_test is not None and not spans.active_test.ended:
            return
        test = call.args[0]
        kind = type(test)
        call.span = open_test(test._testMethodName, "%s.%s" % (kind.__module__, kind.__qualname__), "unittest")
        place.of_function(getattr(test, test._testMethodName, None), call.span.attributes)
        result = call.args[1] if len(call.args) > 1 else call.kwargs.get("result")
        call.note = lengths(result)

    def end(call):
        if call.span is None:
            return
        result = call.result
        if result is None:
            result = call.args[1] if len(call.args) > 1 else call.kwargs.get("result")
        close_test(call.span, *outcome_between(call.note, lengths(result)))

    def failed(call, error):
        if call.span is not None:
            record(call.span, error)
            close_test(call.span, ERROR)

    def remember(call):
        information = call.args[2] if len(call.args) > 2 else None
        add(information)

    def remember_all(call):
        for _, information in call.args[2]:
            add(information)

    guard.patch(case, "run", "testing.unittest", begin, end, failed)
    guard.patch(module, "_addError", "testing.error", remember, guard.nothing, guard.ignore)
    guard.patch(case, "_feedErrorsToResult", "testing.errors", remember_all, guard.nothing, guard.ignore)


def on_result(module):
    def remember(call):
        add(call.args[3] if len(call.args) > 3 else None)

    guard.patch(module.TestResult, "addSubTest", "testing.subtest", remember, guard.nothing, guard.ignore)


def add(information):
    """Adds what `sys.exc_info` said of a failure."""
    span = spans.active_test
    if span is not None and information is not None and span.attributes.get("kino.test.framework") == "unittest":
        error = information[1]
        if not errors.type_name(error).endswith("SkipTest"):
            record(span, error)


def lengths(result):
    """How many entries each of a result's lists has."""
    found = {}
    for name, _ in LISTS:
        entries = getattr(result, name, None)
        found[name] = len(entries) if isinstance(entries, list) else 0
    return found


def outcome_between(before, after):
    for name, outcome in LISTS:
        if after[name] > before[name]:
            return outcome, outcome in (ERROR, FAILED, UNEXPECTED_SUCCESS)
    return PASSED, False
