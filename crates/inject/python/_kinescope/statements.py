"""Reads operation and table from SQL.

Owns: names for spans of statements: few different ones, whatever the statement. Never does: parse SQL in full; a
statement that it does not understand is named by its first word, and one without any by `SQL`.
"""

from . import place, spans

SCANNED_MAX = 8 * 1024
NAME_MAX = 80
WORDS_MAX = 2_000
_names = {}  # statement -> (operation, table)
_NAMES_MAX = 1_024
_words = None

# After which words the table's name follows.
BEFORE_TABLE = {
    "SELECT": ("FROM",),
    "DELETE": ("FROM",),
    "INSERT": ("INTO",),
    "REPLACE": ("INTO",),
    "MERGE": ("INTO",),
    "UPDATE": ("UPDATE",),
    "CREATE": ("TABLE", "VIEW", "ON"),
    "DROP": ("TABLE", "VIEW"),
    "ALTER": ("TABLE",),
    "TRUNCATE": ("TRUNCATE", "TABLE"),
    "COPY": ("COPY",),
    "LOCK": ("TABLE",),
}
PASSED_OVER = frozenset(
    "IF NOT EXISTS ONLY OR ROLLBACK ABORT FAIL IGNORE REPLACE LOW_PRIORITY DELAYED TABLE LATERAL".split()
)


def names(statement):
    """Operation in capitals, and table or None."""
    try:
        return _names[statement]
    except KeyError:
        pass
    found = _read(statement[:SCANNED_MAX])
    if len(statement) <= SCANNED_MAX:
        if len(_names) >= _NAMES_MAX:
            _names.clear()
        _names[statement] = found
    return found


def _pattern():
    """Comments, texts and names of SQL. Each alternative takes an unclosed one to the end, so that the time stays
    linear."""
    global _words
    if _words is None:
        import re

        _words = re.compile(
            r"""--[^\n]*|/\*(?:.*?\*/|.*\Z)|'[^']*(?:'|\Z)|(\$[A-Za-z_]*\$)(?:.*?\1|.*\Z)"""
            r"""|(?P<name>(?:"[^"]*"|`[^`]*`|\[[^\]\[]*\]|[^\W\d][\w$]*)"""
            r"""(?:\s{0,8}\.\s{0,8}(?:"[^"]*"|`[^`]*`|[^\W\d][\w$]*)){0,3})|(?P<mark>[();])""",
            re.S,
        )
    return _words


def _read(statement):
    operation, wanted, table, depth, seen = "", (), None, 0, 0
    for match in _pattern().finditer(statement):
        seen += 1
        if seen > WORDS_MAX:
            break
        mark, word = match.group("mark"), match.group("name")
        if mark:
            depth += {"(": 1, ")": -1, ";": 0}[mark]
            if mark == ";" and operation:
                break
            continue
        if word is None:
            continue
        upper = word.upper()
        if not operation or (operation == "WITH" and depth <= 0 and upper in BEFORE_TABLE):
            operation = upper if upper.isalpha() else "SQL"
            wanted = BEFORE_TABLE.get(operation, ())
            expecting = operation in wanted
            continue
        if expecting:
            if upper in PASSED_OVER:
                continue
            table = word
            break
        # A table within parentheses counts where the statement itself is in them.
        expecting = upper in wanted
    return operation[:NAME_MAX] or "SQL", _plain(table) if table else None


def _plain(name):
    return "".join(character for character in name if character not in '"`[]' and character.isprintable())[:NAME_MAX]


def open_statement(system, statement, frame, base, many=None):
    """A span for one statement; `base` has the attributes of its connection, `many` the parameter sets of a batch."""
    text = statement if isinstance(statement, str) else _as_text(statement)
    operation, table = names(text)
    attributes = {
        "db.system.name": system,
        "db.query.text": spans.cut(text),
        "db.operation.name": operation,
        "db.collection.name": table,
    }
    attributes.update(base)
    if many is not None:
        attributes["db.operation.batch.size"] = len(many) if hasattr(many, "__len__") else None
    name = "%s %s" % (operation, table) if table else operation
    return spans.open_call(name, spans.CLIENT, attributes, frame, "db")


def _as_text(statement):
    if isinstance(statement, (bytes, bytearray)):
        return bytes(statement[:SCANNED_MAX]).decode("utf-8", "replace")
    return "?"


def open_connect(system, frame, base):
    """A span for opening a connection."""
    attributes = {"db.system.name": system}
    attributes.update(base)
    span = spans.Span("connect", spans.CLIENT, attributes, spans.innermost(), None, "db")
    place.of_caller(frame, attributes)
    return span.activate()
