"""Puts the bootstrap around a function of a library so that the program cannot see it.

Owns: the four shapes of a wrapper, what happens to an error of the bootstrap's own, and the removal of the bootstrap's
frames from tracebacks.
Never does: change a result, an error or its context. A wrapper's own entry leaves the traceback before the error goes
on, so that no way of printing shows it.

    program ─► wrapper ─► before(call) ─► function ─► after(call) | failed(call, error)
                              └──── errors in here are reported, and stay here ────┘
"""

import functools
import sys

from . import state

MARK = "<frozen importlib._bootstrap kino."
_frame_type = type(sys._getframe())


class Call:
    """One call on its way through a wrapper. `before` may replace `args` and `kwargs`, `after` may replace `result`."""

    __slots__ = ("args", "kwargs", "span", "result", "note")

    def __init__(self, args, kwargs):
        self.args = args
        self.kwargs = kwargs
        self.span = None  # what `before` opened: `failed` ends it where no other way is named
        self.result = None
        self.note = None  # whatever `before` leaves for `after`


def end_span(call):
    if call.span is not None:
        call.span.end()


def fail_span(call, error):
    if call.span is not None:
        call.span.fail(error)


def nothing(call):
    """For a side of a call at which there is nothing to do."""


def ignore(call, error):
    """For a call whose error is of no interest."""


def wrap(function, place, before, after=end_span, failed=fail_span, always=False):
    """`function` with `before` and `after` around it; `place` names it in reports of errors.

    Nothing runs in a process that has an SDK of its own, except where `always` is set.
    """

    def wrapper(*args, **kwargs):
        try:
            call = Call(args, kwargs)
            active = always or state.on
            if active:
                try:
                    before(call)
                except Exception as error:
                    swallow(place, error)
            call.result = function(*call.args, **call.kwargs)
            if active:
                try:
                    after(call)
                except Exception as error:
                    swallow(place, error)
            return call.result
        except BaseException as error:
            # A signal's handler may raise before `call` is made.
            trace = settle(place, locals().get("call"), error, failed)
            kind = type(error)
            reraised = (trace, error, kind)  # noqa: F841  (see `with_reraise`)
            raise

    return disguise(wrapper, function)


def wrap_async(function, place, before, after=end_span, failed=fail_span, always=False):
    """The same for a coroutine function."""

    async def wrapper(*args, **kwargs):
        try:
            call = Call(args, kwargs)
            active = always or state.on
            if active:
                try:
                    before(call)
                except Exception as error:
                    swallow(place, error)
            call.result = await function(*call.args, **call.kwargs)
            if active:
                try:
                    after(call)
                except Exception as error:
                    swallow(place, error)
            return call.result
        except BaseException as error:
            # A signal's handler may raise before `call` is made.
            trace = settle(place, locals().get("call"), error, failed)
            kind = type(error)
            reraised = (trace, error, kind)  # noqa: F841
            raise

    return disguise(wrapper, function)


def wrap_asgi(function, place, before, after=end_span, failed=fail_span, always=False):
    """The same for a method that is an ASGI application.

    It refuses other arguments when it is called, as the method does: a server finds out so whether it has a factory.
    """

    async def wrapper(self, scope, receive, send):
        try:
            call = Call((self, scope, receive, send), {})
            active = always or state.on
            if active:
                try:
                    before(call)
                except Exception as error:
                    swallow(place, error)
            call.result = await function(*call.args)
            if active:
                try:
                    after(call)
                except Exception as error:
                    swallow(place, error)
            return call.result
        except BaseException as error:
            # A signal's handler may raise before `call` is made.
            trace = settle(place, locals().get("call"), error, failed)
            kind = type(error)
            reraised = (trace, error, kind)  # noqa: F841
            raise

    return disguise(wrapper, function)


def disguise(wrapper, function):
    """Gives the wrapper the function's name, documentation and signature."""
    functools.update_wrapper(wrapper, function)
    return wrapper


def settle(place, call, error, failed):
    """Ends what the call opened, and takes the bootstrap's entries from the front of the traceback.

    Returns what is left of the traceback.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(MARK):
        trace = trace.tb_next
    error.__traceback__ = trace
    if state.on and call is not None:
        try:
            failed(call, error)
        except Exception as own:
            report(place, own)
        error.__traceback__ = trace
    return trace


def swallow(place, error):
    """Reports an error of the bootstrap; raises it again where it is the program's, from a signal's handler."""
    if is_programs(error):
        raise error
    report(place, error)


def is_programs(error):
    """Whether an error that surfaced in the bootstrap comes from a signal handler or was sent to the thread."""
    trace, foreign, previous = error.__traceback__, False, None
    while trace is not None:
        frame = trace.tb_frame
        if not frame.f_code.co_filename.startswith(MARK):
            foreign = True
            names = frame.f_code.co_varnames[: min(3, frame.f_code.co_argcount)]
            if previous is not None and any(frame.f_locals.get(name) is previous for name in names):
                return True
        previous = frame
        trace = trace.tb_next
    return not foreign and type(error).__module__ != "builtins"


def report(place, error):
    """Counts an error of the bootstrap: its place and type go into the channel, never its text."""
    from . import channel

    try:
        channel.report("%s: %s" % (place, type(error).__name__))
    except Exception:
        state.errors_unreported += 1


def with_reraise(template):
    """Before Python 3.11, `raise` puts back the traceback of the moment at which the error was caught, with the
    wrapper's entry. There, the instruction that builds the triple `reraised` becomes the interpreter's own
    `RERAISE`, which takes exactly these three."""
    opcodes = __import__("opcode").opmap
    build, reraise = opcodes["BUILD_TUPLE"], opcodes["RERAISE"]

    def rewrite(code):
        if code.co_name != "wrapper":
            return code
        raw = bytearray(code.co_code)
        places = [index for index in range(0, len(raw), 2) if raw[index] == build and raw[index + 1] == 3]
        if len(places) == 1:
            raw[places[0] : places[0] + 2] = bytes((reraise, 0))
        return code.replace(co_code=bytes(raw))

    code = template.__code__
    constants = tuple(rewrite(part) if isinstance(part, type(code)) else part for part in code.co_consts)
    template.__code__ = code.replace(co_consts=constants)


if sys.version_info < (3, 11):
    for _template in (wrap, wrap_async, wrap_asgi):
        with_reraise(_template)


def patch(owner, name, place, before, after=end_span, failed=fail_span, always=False, shape=wrap):
    """Replaces one function of a module or class, if it is there and plain.

    What is inherited or already replaced stays as it is; static and class methods are wrapped within.
    """
    found = vars(owner).get(name)
    if found is None:
        return
    inner = found.__func__ if isinstance(found, (staticmethod, classmethod)) else found
    made = shape(inner, place, before, after, failed, always)
    if isinstance(found, (staticmethod, classmethod)):
        made = type(found)(made)
    setattr(owner, name, made)
