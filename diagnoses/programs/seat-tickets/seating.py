"""Which seats are free, and who holds them for some minutes. Its clients get what one worker can do."""

import os
import sqlite3
import threading
import time

from flask import Flask

app = Flask("seating")
DATABASE = os.path.join(os.environ["DATA"], "seating.sqlite")
worker = threading.Lock()
held = {"asked": 0}


def fill():
    connection = sqlite3.connect(DATABASE)
    connection.execute("CREATE TABLE seats (id INTEGER PRIMARY KEY, line TEXT, price INTEGER)")
    connection.executemany("INSERT INTO seats VALUES (?, ?, ?)", [(n, chr(65 + n // 20), 3_900) for n in range(400)])
    connection.commit()
    connection.close()


@app.get("/seats/<int:seat>")
def seat(seat):
    with worker:
        connection = sqlite3.connect(DATABASE)
        cursor = connection.cursor()
        cursor.execute("SELECT line, price FROM seats WHERE id = ?", (seat,))
        line, price = cursor.fetchone()
        connection.close()
        time.sleep(0.001)
    return {"seat": seat, "line": line, "price": price}


@app.post("/holds")
def hold():
    with worker:
        held["asked"] += 1
        # The table of holds is full most of the time.
        time.sleep(0.045)
        if held["asked"] % 4:
            return {"error": "no room for another hold"}, 503
    return {"hold": held["asked"]}, 201


if __name__ == "__main__":
    fill()
    app.run(port=int(os.environ["PORT"]), threaded=True)
