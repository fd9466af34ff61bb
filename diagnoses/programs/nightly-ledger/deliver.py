"""What the branches send each evening: python deliver.py DATE [EXPORTER_OF_TROMSO]."""

import os
import sys

BRANCHES = ["alta", "bergen", "bodo", "hamar", "larvik", "molde", "narvik", "oslo", "skien", "stord", "tromso", "voss"]


def main():
    date, exporter = sys.argv[1], (sys.argv[2:] or ["3.9"])[0]
    os.makedirs(f"feeds/{date}")
    for branch in BRANCHES:
        version = exporter if branch == "tromso" else "3.9"
        with open(f"feeds/{date}/{branch}.csv", "w") as file:
            file.write(f"#exporter {version}\n")
            for number in range(40):
                amount = 1_000 + 37 * number + 0.5
                written = f"{amount:.2f}" if version == "3.9" else f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))
                # What one account gives, another takes.
                file.write(f"{branch}-{number};debit;{amount:.2f}\n{branch}-{number + 1};credit;{written}\n")


main()
