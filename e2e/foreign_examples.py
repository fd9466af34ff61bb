"""How much redaction finds in the examples that another scanner's authors wrote for its rules.

    pip download --no-deps kingfisher-bin==1.112.0 && unzip kingfisher_bin-1.112.0-*.whl
    cargo build -p kino-ingest --example redact
    python e2e/foreign_examples.py kingfisher/bin/kingfisher target/debug/examples/redact

It needs PyYAML and regex. The program holds its rules, compressed: 1,089 of them with 2,125 examples, most of them a line
of code or configuration. Nothing of it is run or copied. The secret is what the rule's own pattern captures. The examples
of a third of the services, by the hash of their names, were not looked at while the rules of this project were written.
"""

import hashlib
import json
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import regex
import yaml

# What identifies and opens nothing, and rules whose match is an address or a name.
PUBLIC = re.compile(
    r"client.?id|username|user.?id|application.?id|app.?id|account.?id|account.?sid|domain|\burl\b|\bhost|email|\borg"
    r"|public|publishable|endpoint|consumer.?key|tenant|project.?id|key.?id|login|identifier|\bid\b|instance|sid\b|hash\b"
    r"|bcrypt|md5|cluster|\bname\b|region|wallet address|subdomain|site",
    re.I,
)
GZIP = b"\x1f\x8b\x08"
MAGIC = b"KFRULES"


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
    """What the rule's pattern captures: the second half of what is long, since a prefix may stay."""
    try:
        match = regex.search(rule["pattern"], example, timeout=2)
    except (regex.error, TimeoutError):
        return None
    if not match:
        return None
    groups = [group for group in match.groups() if group and len(group) >= 4] or [match[0]]
    secrets = [group for group in groups if not group.startswith(("http:", "https:"))]
    return [secret if len(secret) < 20 else secret[len(secret) // 2 :] for secret in secrets]


def main(program, redact):
    cases = []
    for rule in rules(Path(program).read_bytes()):
        if rule.get("visible") is False or PUBLIC.search(rule["name"]):
            continue
        unseen = int(hashlib.sha256(rule["id"].split(".")[1].encode()).hexdigest(), 16) % 3 == 0
        for example in rule.get("examples") or []:
            secrets = captured(rule, example)
            if secrets is not None:
                form = "bare" if len(example.strip()) <= 3 + max(map(len, [rule["id"], *secrets])) * 2 and not re.search(
                    r"[\s=:\"']", example.strip()
                ) else "named"
                cases.append((unseen, form, rule["id"], example, secrets))
    texts = json.dumps([example for *_, example, _ in cases]).encode()
    left = json.loads(subprocess.run([redact], input=texts, capture_output=True, check=True).stdout)
    tally = {}
    for (unseen, form, rule, _, secrets), text in zip(cases, left):
        found, kinds = tally.setdefault((unseen, form), ([], set()))
        kinds.add(rule)
        # A pattern that captures several things captures the secret among them.
        found.append(any(secret not in text for secret in secrets) if secrets else "[redacted:" in text)
    for (unseen, form), (found, kinds) in sorted(tally.items()):
        part = "unseen" if unseen else "seen"
        print(f"{part:6} {form:5} {len(kinds):4} kinds {len(found):5} texts  recall {sum(found) / len(found):.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
