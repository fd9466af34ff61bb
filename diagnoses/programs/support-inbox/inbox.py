"""What support agents work with: their mails, tickets, and pictures that customers attach."""

import asyncio
import hashlib
import os
import sqlite3
import zlib

import httpx
import uvicorn
from fastapi import FastAPI, Request

app = FastAPI()
mails = httpx.AsyncClient(base_url=os.environ["MAILSTORE_URL"], timeout=20)
tickets = sqlite3.connect(os.path.join(os.environ["DATA"], "tickets.sqlite"), check_same_thread=False)
tickets.execute("CREATE TABLE tickets (id INTEGER PRIMARY KEY, agent TEXT, state TEXT)")
tickets.executemany("INSERT INTO tickets (agent, state) VALUES (?, ?)", [(f"a{n % 9}", "open") for n in range(900)])


@app.get("/inbox/{agent}")
async def inbox(agent: str):
    answer = await mails.get(f"/mails/{agent}")
    cursor = tickets.cursor()
    cursor.execute("SELECT count(*) FROM tickets WHERE agent = ? AND state = 'open'", (agent,))
    return {"mails": answer.json(), "open": cursor.fetchone()[0]}


@app.post("/tickets/{ticket}/close")
async def close(ticket: int):
    cursor = tickets.cursor()
    cursor.execute("UPDATE tickets SET state = 'closed' WHERE id = ?", (ticket,))
    tickets.commit()
    await asyncio.sleep(0.002)
    return {"closed": ticket}


@app.post("/pictures")
async def picture(request: Request):
    body = await request.body()
    return {"id": small_of(body)}


def small_of(body):
    digest = hashlib.sha256(body)
    for _ in range(30):
        digest.update(zlib.compress(body, 9))
    return digest.hexdigest()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
