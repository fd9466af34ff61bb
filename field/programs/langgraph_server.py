"""A chat on LangGraph behind FastAPI that keeps what was said in PostgreSQL, as LangGraph's page on memory has it.

langgraph_server.py DATABASE PAGES PORT
"""

import sys
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.store.postgres.aio import AsyncPostgresStore
from pydantic import BaseModel

database, pages, port = sys.argv[1:]
at = {}


class Said(BaseModel):
    text: str


@tool
async def read_page(number: int) -> str:
    """Reads a page."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{pages}/{number % 4}.html")).text[:600]


@asynccontextmanager
async def lifespan(app):
    async with AsyncPostgresStore.from_conn_string(database) as store, AsyncPostgresSaver.from_conn_string(database) as saver:
        await store.setup()
        await saver.setup()
        at["store"], at["agent"] = store, create_agent(ChatOpenAI(model="gpt-4o-mini"), [read_page], checkpointer=saver, store=store)
        yield


app = FastAPI(lifespan=lifespan)


def thread(name):
    return {"configurable": {"thread_id": name}}


@app.post("/users/{user}/threads/{name}")
async def say(user: str, name: str, said: Said):
    known = await at["store"].asearch(("memories", user), limit=5)
    about = " ".join(item.value["text"] for item in known)
    messages = [{"role": "user", "content": f"{said.text} (known of the user: {about})"}]
    answer = await at["agent"].ainvoke({"messages": messages}, thread(name))
    if "remember" in said.text.lower():
        await at["store"].aput(("memories", user), f"{name}-{len(answer['messages'])}", {"text": said.text})
    return {"answer": answer["messages"][-1].content}


@app.get("/threads/{name}")
async def read(name: str):
    state = await at["agent"].aget_state(thread(name))
    return [{"kind": message.type, "text": message.content} for message in state.values.get("messages", [])]


@app.get("/threads/{name}/history")
async def history(name: str):
    return [state.metadata["step"] async for state in at["agent"].aget_state_history(thread(name), limit=20)]


@app.get("/users/{user}/memories")
async def memories(user: str):
    return [item.value async for item in _memories(user)]


async def _memories(user):
    for item in await at["store"].asearch(("memories", user)):
        yield item


uvicorn.run(app, host="127.0.0.1", port=int(port))
