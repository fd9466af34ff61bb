"""The tasks of Celery's introduction."""

import sys

from celery import Celery, chain, chord, group

app = Celery("celery_tasks", broker="filesystem://", backend="db+sqlite:///results.sqlite")
app.conf.broker_transport_options = {"data_folder_in": "broker", "data_folder_out": "broker"}


@app.task
def add(x, y):
    return x + y


@app.task
def mul(x, y):
    return x * y


@app.task
def xsum(numbers):
    return sum(numbers)


if __name__ == "__main__" and "celery" not in sys.argv[0]:
    for number in range(10):
        print(add.delay(number, number).get(timeout=30))
    print(chain(add.s(4, 4), mul.s(8), mul.s(10))().get(timeout=30))
    print(group(add.s(i, i) for i in range(10))().get(timeout=30))
    print(chord((add.s(i, i) for i in range(10)), xsum.s())().get(timeout=60))
