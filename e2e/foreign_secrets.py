"""How much redaction finds of what another scanner's rules describe: texts are made from the scanner's own patterns.

    cargo build -p kino-redact --example redact
    cargo add kingfisher-rules@3.0.1 in some scratch crate, `cargo fetch`, and then
    python e2e/foreign_secrets.py ~/.cargo/registry/src/*/kingfisher-rules-3.0.1/generated/rules/betterleaks.yml

It needs PyYAML and rstr. Nothing of the rules is copied: each pattern is turned into strings that match it. Patterns of
the kind "a vendor's name, somewhere before a value" become assignments to a variable named after the rule. A third of
the rules, by the hash of their names, was not looked at while the rules of this project were written; the figures of
both parts are printed.
"""

import hashlib
import importlib
import json
import random
import re
import subprocess
import sys
import warnings
from pathlib import Path

import rstr
import yaml

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = 3
# What identifies and opens nothing, and rules whose match is an address or a name.
PUBLIC = re.compile(
    r"client-id|username|user-id|application-id|app-id|account-id|-domain|-url|-sid|-host|-email|-org|public|endpoint"
    r"|consumer-key|tenant|project-id|key-id|-login|identifier"
)
# Characters of tokens; a pattern that matches much more describes what stands around one.
TOKEN = re.compile(r"[A-Za-z0-9_\-.=+/:$!~%@]{8,299}")


def without_flags(pattern):
    for flag in ("(?i)", "(?-i)", "(?s)", "(?x)", "(?is)", "(?xi)"):
        pattern = pattern.replace(flag, "")
    pattern = re.sub(r"\(\?-?[isx]+:", "(?:", pattern)
    pattern = pattern.replace(r"\b", "").replace(r"\z", "$").replace("*?", "{0,6}").replace("+?", "{1,8}")
    return re.sub(r"\{(\d+),\}", lambda least: f"{{{least[1]},{int(least[1]) + 5}}}", pattern.replace("}?", "}"))


def group(pattern, start):
    """The text of the group that opens at `start`."""
    depth, at, in_class = 0, start, False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return pattern[start : at + 1]
        at += 1
    return None


def samples(rule, make):
    """Pairs of a text and the secret in it."""
    pattern, name = rule["pattern"], rule["id"].split(".", 1)[1]
    trim = lambda text: re.sub(r"\\[nr]$", "", text.strip(" \t\r\n\"'`;\\<>,)"))
    if (value := pattern.find("]{0,5}(")) >= 0:
        secrets = [trim(make.xeger(without_flags(group(pattern, value + 6)))) for _ in range(SAMPLES)]
        variable = re.sub(r"[^a-z0-9]+", "_", name)
        forms = [f"{variable.upper()}={{}}", f'  "{variable}": "{{}}",', f"{variable} = '{{}}'"]
        found = [(form.format(secret), secret) for form, secret in zip(forms, secrets)]
        return "named", [pair for pair in found if len(pair[1]) >= 8 and not re.search(r"\s", pair[1])]
    forms = ["{}", 'export A="{}"', "log: sent {} to upstream"]
    whole = [make.xeger(without_flags(pattern)) for _ in range(SAMPLES)]
    tokens = [(form.format(text), trim(text)) for form, text in zip(forms, whole)]
    return "bare", [pair for pair in tokens if TOKEN.fullmatch(pair[1])]


def main(paths):
    warnings.simplefilter("ignore")
    importlib.import_module("rstr.xeger").STAR_PLUS_LIMIT = 700
    make = rstr.Rstr(random.Random(7))
    cases = []
    for path in paths:
        for rule in yaml.safe_load(Path(path).read_text())["rules"]:
            if PUBLIC.search(rule["id"]):
                continue
            unseen = int(hashlib.sha256(rule["id"].encode()).hexdigest(), 16) % 3 == 0
            form, pairs = samples(rule, make)
            cases += [(unseen, form, rule["id"], text, secret) for text, secret in pairs]
    redact = subprocess.run(
        ["cargo", "run", "--quiet", "-p", "kino-redact", "--example", "redact"],
        input=json.dumps([text for *_, text, _ in cases]).encode(),
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    tally = {}
    for (unseen, form, rule, _, secret), left in zip(cases, json.loads(redact.stdout)):
        found, kinds = tally.setdefault((unseen, form), ([], set()))
        kinds.add(rule)
        found.append(secret[len(secret) // 2 :] not in left)
    for (unseen, form), (found, kinds) in sorted(tally.items()):
        part = "unseen" if unseen else "seen"
        print(f"{part:6} {form:5} {len(kinds):4} kinds {len(found):5} texts  recall {sum(found) / len(found):.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
