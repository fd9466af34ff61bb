"""What the measurements on other scanners' texts share: which secrets count, how each is given away, and the figures.

Each secret belongs to one class, by its text alone and before anything is redacted:

- `named`: within the 64 characters before it stands a word for secrets, or the name of the service that it opens.
- `bare`: the text holds the token and next to nothing else. Only a form of its own, such as a prefix, gives it away.
- `placed`: neither; something else stands around it, and only who knows the service's texts sees a secret there.
- `sample`: the value says that it is none: it spells `password`, `your`, `example` or the like, and has no digit.
- `noise`: between the name and the value stands what no language allows, such as `token"  :" '' =`. Such texts are made
  from patterns.
- `identifier`: the name right before it says that it opens nothing: `client_id`, `username`, `public_key`.

Left out are references to variables, ciphertexts, and addresses without a password. All of these rules apply to what was
looked at and to what was not, and all classes are printed.
"""

import hashlib
import json
import re
import subprocess

# What identifies and opens nothing, and rules whose match is an address or a name.
PUBLIC = re.compile(
    r"client.?id|username|user.?id|application.?id|app.?id|account.?id|account.?sid|domain|\burl\b|\bhost|email|\borg"
    r"|public|publishable|endpoint|consumer.?key|tenant|project.?id|key.?id|login|identifier|\bid\b|instance|sid\b|hash\b"
    r"|bcrypt|md5|cluster|\bname\b|region|wallet address|subdomain|site",
    re.I,
)
# What is decrypted with a secret that stands elsewhere.
CIPHERTEXT = re.compile(r"\bencrypted\b", re.I)
# A value that a program or a shell takes from elsewhere.
REFERENCE = re.compile(r"[\"']?(\$|%\w+%|#\{|\{\{|<\w+>|\w+\[)")
SAMPLE = re.compile(r"\D*(pass|pwd|secret|token|user|your|example|changeme|placeholder)\D*", re.I)
# The words for secrets, as they stand in names.
NAME = re.compile(
    r"pass|pwd|secret|token|key|auth|cred|login|bearer|signature|salt|webhook|api|cert|licen[sc]e|seed|mnemonic"
    r"|(?<![a-z])(pat|pw|sid|dsn|hec|jwt|sas|psk|pin|otp|community)(?![a-z])",
    re.I,
)
# The end of a name that says that what follows is no secret.
IDENTIFIER = re.compile(
    r"([_.\-\s]|(?<=[a-z])(?=[A-Z])|^|client|app|truelayer|service|merchant)"
    r"(id|eui|user|username|user[_.\- ]?name|email|account|account[_.\- ]number|serial[_.\- ]number|merchant|instance"
    r"|host|site[_.\- ]name|base[_.\- ]url|public[_.\- ]?key|publishable[_.\- ]?key|key[_.\- ]?public)$",
    re.I,
)
# What stands between a name and its value.
GAP = re.compile(r"[\s\"'`=:;,>\[({\\_-]*$")
SEPARATOR = re.compile(r"=>|:=|::|==|[=:;]")
# The password in an address.
USERINFO = re.compile(r"//[^/@:\s]*:([^@\s]+)@")
ADDRESS = re.compile(r"(https?|jdbc|[a-z0-9+.-]+:/)[:/]")
TOKEN = re.compile(r"\[redacted:[^\]]*\]")
# How far before a secret its name stands.
NEAR = 64
# A bare token's text is not much longer than the token.
BARE_MAX = 3


def is_unseen(name):
    """Whether a service belongs to the third that was not looked at while our rules were written."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 3 == 0


def is_named(text, start, service):
    """Whether a word for secrets or the service's name stands before what begins at `start`."""
    before = text[max(0, start - NEAR) : start].lower()
    squeezed = re.sub(r"[^a-z0-9]", "", before)
    return bool(NAME.search(before)) or (len(service) > 2 and re.sub(r"[^a-z0-9]", "", service.lower()) in squeezed)


def form(text, secret, service):
    """The class of a secret in its text."""
    if SAMPLE.fullmatch(secret):
        return "sample"
    start = text.find(secret)
    gap = GAP.search(text[:start])[0]
    if len(SEPARATOR.findall(gap)) > 2 or len(re.findall(r"[\"']", gap)) > 3:
        return "noise"
    if IDENTIFIER.search(text[: start - len(gap)]):
        return "identifier"
    if len(text.strip()) <= BARE_MAX + len(secret):
        return "bare"
    return "named" if is_named(text, start, service) else "placed"


def redacted(program, texts):
    """The texts after redaction by `program`, the example `redact` of the crate `kino-ingest`."""
    done = subprocess.run([program], input=json.dumps(texts).encode(), capture_output=True, check=True)
    return [TOKEN.sub("", text) for text in json.loads(done.stdout)]


def is_gone(secret, text):
    """Whether a secret is gone. A prefix may stay, so that one sees what was there: of what is long, the second half."""
    return (secret if len(secret) < 20 else secret[len(secret) // 2 :]) not in text


def show(rows):
    """Prints recall by part and class. A row is whether it is unseen, its class, its kind, and whether it was found."""
    tally = {}
    for unseen, form, kind, found in rows:
        all_found, kinds = tally.setdefault((unseen, form), ([], set()))
        all_found.append(found)
        kinds.add(kind)
    for (unseen, form), (found, kinds) in sorted(tally.items()):
        part = "unseen" if unseen else "seen"
        share = sum(found) / len(found)
        print(f"{part:6} {form:13} {len(kinds):4} kinds {len(found):5} texts  recall {share:.3f}")
