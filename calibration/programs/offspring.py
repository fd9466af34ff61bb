"""Processes: short ones one after another, and a sum that two of them share."""

import subprocess
import sys

from tracing import execution, more, step

SUM = "import sys\nfirst, last = map(int, sys.argv[1:])\nprint(sum(n * n % 7 for n in range(first, last)))"


def start(*words):
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


for _ in range(5):
    with execution("shells.call"):
        for number in range(more(34)):
            with step("sh"):
                start("/bin/sh", "-c", f"echo {number}").communicate()
for _ in range(5):
    with execution("sum.share"):
        half = more(150_000)
        children = [start(sys.executable, "-IS", "-c", SUM, str(part * half), str((part + 1) * half)) for part in range(2)]
        total = sum(int(child.communicate()[0]) for child in children)
print(total)
