"""Asks for the tasks of huey's simple example, as its documentation does."""

import sys

sys.path.insert(0, ".")
from tasks import add, add_pipeline, api_call, flaky_task, mul, total  # noqa: E402

for number in range(15):
    print(add(number, number).get(blocking=True, timeout=10))
print(mul.map([(n, n) for n in range(8)]).get(blocking=True, timeout=20))
for length in (3, 5, 8):
    print(add_pipeline(*range(length)).get(blocking=True, timeout=20))
later = [total(list(range(n))) for n in range(10)]
print([result.get(blocking=True, timeout=10) for result in later])
flaky = flaky_task()
print(add.schedule((1, 2), delay=2).get(blocking=True, timeout=20))
for number in range(2):
    print(api_call(number).get(blocking=True, timeout=20))
try:
    print(flaky.get(blocking=True, timeout=15))
except Exception as error:
    print(error)
