"""How much redaction finds in the examples that another scanner's authors wrote for its rules.

    pip download --no-deps kingfisher-bin==1.112.0 && unzip kingfisher_bin-1.112.0-*.whl
    cargo build -p kino-redact --example redact
    python e2e/foreign_examples.py kingfisher/bin/kingfisher target/debug/examples/redact

It needs PyYAML and regex. The program holds its rules, compressed: 1,089 of them with 2,125 examples, most of them a line
of code or configuration. Nothing of it is run or copied. The secret is what the rule's own pattern captures. The examples
of a third of the services, by the hash of their names, were not looked at while the rules of this project were written; see
`foreign.py` for what counts.
"""

import struct
import sys
import zlib
from pathlib import Path

import foreign
import regex
import yaml

GZIP = b"\x1f\x8b\x08"
MAGIC = b"KFRULES"
# Groups that hold what identifies.
IDENTITY = regex.compile(r"user|host|port|scheme|vhost|key_id|token_id|akid|name|db$|region", regex.I)


def rules(program):
    """The rules that the program holds: paths and files, each behind its length."""
    at = program.find(GZIP)
    while at >= 0:
        try:
            files = zlib.decompressobj(31).decompress(program[at:])
        except zlib.error:
            files = b""
        if files.startswith(MAGIC):
            break
        at = program.find(GZIP, at + 1)
    at = len(MAGIC) + 1
    while at + 12 <= len(files):
        path, length = struct.unpack_from("<IQ", files, at)
        at += 12 + path + length
        yield from yaml.safe_load(files[at - length : at]).get("rules", [])


def captured(rule, example):
    """What the rule's pattern captures and what may be the secret; the last of several is."""
    try:
        match = regex.search(rule["pattern"], example, timeout=2)
    except (regex.error, TimeoutError):
        return None
    if not match:
        return None
    names = {index: name for name, index in match.re.groupindex.items()}
    public = [index for index, name in names.items() if foreign.PUBLIC.search(name) or IDENTITY.search(name)]
    groups = [group for index, group in enumerate(match.groups(), 1) if group and len(group) >= 4 and index not in public]
    if any(foreign.REFERENCE.match(group) or "#{" in group for group in groups):
        return None
    # Of an address only its password is a secret.
    passwords = [(foreign.USERINFO.search(group), group) for group in groups or [match[0]]]
    secrets = [found[1] if found else group for found, group in passwords]
    return [secret for secret in secrets if not foreign.ADDRESS.match(secret)] or None


def main(program, redact):
    cases = []
    for rule in rules(Path(program).read_bytes()):
        name, service = rule["name"], rule["id"].split(".")[1]
        if rule.get("visible") is False or foreign.PUBLIC.search(name) or foreign.CIPHERTEXT.search(name):
            continue
        for example in rule.get("examples") or []:
            if secrets := captured(rule, example):
                form = foreign.form(example, secrets[-1], service)
                cases.append((foreign.is_unseen(service), form, rule["id"], example, secrets))
    left = foreign.redacted(redact, [example for *_, example, _ in cases])
    # A pattern that captures several things captures the secret among them.
    gone = [any(foreign.is_gone(secret, text) for secret in secrets) for (*_, secrets), text in zip(cases, left)]
    foreign.show((unseen, form, kind, one) for (unseen, form, kind, *_), one in zip(cases, gone))


if __name__ == "__main__":
    main(*sys.argv[1:])
