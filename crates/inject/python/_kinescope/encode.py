"""Writes attributes and spans as OTLP/JSON.

Owns: the text of one record. Never does: IO, and never fails on what a program recorded: a value that has no OTLP form
becomes its text, and what is no Unicode is replaced.
"""

from _json import encode_basestring_ascii

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
LIST_MAX = 256
_keys = {}
_KEYS_MAX = 4096


def text(value):
    """A JSON string of any text, lone surrogates replaced."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            value = value.encode("utf-8", "replace").decode()
    return encode_basestring_ascii(value)


def value_of(value):
    """One value as OTLP's `AnyValue`."""
    kind = type(value)
    if kind is str:
        return '{"stringValue":%s}' % text(value)
    if kind is bool:
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if kind is int:
        if INT_MIN <= value <= INT_MAX:
            return '{"intValue":"%d"}' % value
        return '{"stringValue":"integer beyond 64 bits"}'
    if kind is float:
        if value != value or value in (float("inf"), float("-inf")):
            return '{"doubleValue":"%s"}' % {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[repr(value)]
        return '{"doubleValue":%r}' % value
    if kind is list or kind is tuple:
        return '{"arrayValue":{"values":[%s]}}' % ",".join([value_of(each) for each in value[:LIST_MAX]])
    if isinstance(value, str):
        return '{"stringValue":%s}' % text(str.__str__(value))
    if isinstance(value, bytes):
        return '{"stringValue":%s}' % text(value.decode("utf-8", "replace"))
    if isinstance(value, int):
        return value_of(int(value))
    return '{"stringValue":%s}' % text("a value of type " + kind.__name__)


def key(name):
    """The beginning of one attribute."""
    found = _keys.get(name)
    if found is None:
        found = '{"key":%s,"value":' % text(name if isinstance(name, str) else "?")
        if len(_keys) < _KEYS_MAX:
            _keys[name] = found
    return found


def attributes(pairs):
    """A dictionary as OTLP's list; what is None is left out."""
    parts = []
    for name, value in pairs.items():
        if type(value) is str and value.isascii():
            # Nearly all of them: without the calls of the general way.
            start = _keys.get(name) or key(name)
            parts.append(start + '{"stringValue":' + encode_basestring_ascii(value) + "}}")
        elif value is not None:
            parts.append(key(name) + value_of(value) + "}")
    return "[" + ",".join(parts) + "]"


def event(name, time_nanos, pairs):
    return '{"timeUnixNano":"%d","name":%s,"attributes":%s}' % (time_nanos, text(name), attributes(pairs))


def span(it, end_nanos):
    """One span as OTLP/JSON."""
    parts = [
        '{"traceId":"%s","spanId":"%s"' % (it.trace_id, it.span_id),
        ',"name":%s,"kind":%d,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":%s'
        % (text(it.name), it.kind, it.start_nanos, end_nanos, attributes(it.attributes)),
    ]
    if it.parent_id:
        parts.append(',"parentSpanId":"%s"' % it.parent_id)
    if it.events:
        parts.append(',"events":[%s]' % ",".join([event(*each) for each in it.events]))
    if it.links:
        parts.append(
            ',"links":[%s]'
            % ",".join(
                ['{"traceId":"%s","spanId":"%s","attributes":%s}' % (t, s, attributes(a)) for t, s, a in it.links]
            )
        )
    if it.status:
        message = ',"message":%s' % text(it.message) if it.message else ""
        parts.append(',"status":{"code":%d%s}' % (it.status, message))
    parts.append("}")
    return "".join(parts)
