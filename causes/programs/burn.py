"""Keeps one core busy, the one whose number is given, until it is ended."""

import os
import sys

os.sched_setaffinity(0, {int(sys.argv[1])})
numbers = list(range(10_000))
while True:
    for at in range(len(numbers)):
        numbers[at] = numbers[at] * 31 % 65_521
