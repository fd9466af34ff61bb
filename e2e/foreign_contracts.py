"""How much redaction finds in the texts on which a fourth scanner tests its detectors.

    cargo add keyhog-scanner@0.5.86 in some scratch crate, `cargo fetch`, and then
    cargo build -p kino-redact --example redact
    python e2e/foreign_contracts.py ~/.cargo/registry/src/*/keyhog-scanner-0.5.86/tests/contracts target/debug/examples/redact

Each of 930 files holds texts in which the detector of one service has to find a credential, written by the scanner's
authors, and such in which it must find none. Nothing of it is copied. The files of a third of the services, by the hash of
their names, were not looked at while the rules of this project were written; see `foreign.py` for what counts.
"""

import sys
import tomllib
from pathlib import Path

import foreign


def cases(folder):
    """Part, class, detector, text and secret of each text."""
    for path in sorted(Path(folder).glob("*.toml")):
        contract = tomllib.loads(path.read_text())
        detector, service = contract["detector_id"], contract.get("service") or ""
        if foreign.PUBLIC.search(detector) or foreign.CIPHERTEXT.search(detector):
            continue
        for kind in ("positive", "evasion"):
            for case in contract.get(kind, []):
                text, secret = case["text"], case.get("credential") or ""
                if secret not in text or len(secret) < 4 or foreign.REFERENCE.match(secret):
                    continue
                form = foreign.form(text, secret, service)
                # The scanner's authors call the second kind evasions: other spellings, and some disguises.
                form += " (other)" if kind == "evasion" else ""
                yield foreign.is_unseen(path.stem), form, detector, text, secret


def main(folder, program):
    found = list(cases(folder))
    left = foreign.redacted(program, [text for *_, text, _ in found])
    gone = [foreign.is_gone(secret, text) for (*_, secret), text in zip(found, left)]
    foreign.show((unseen, form, kind, one) for (unseen, form, kind, *_), one in zip(found, gone))


if __name__ == "__main__":
    main(*sys.argv[1:])
