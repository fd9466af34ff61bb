"""A chat that remembers, as Mem0's quick start shows it, behind FastAPI, with the routes of its REST server for memories."""

from fastapi import FastAPI
from mem0 import Memory
from openai import OpenAI
from pydantic import BaseModel

memory = Memory.from_config({
    "vector_store": {"provider": "qdrant", "config": {"path": "qdrant", "collection_name": "chat"}},
    "llm": {"provider": "openai", "config": {"model": "gpt-4.1-nano"}},
    "embedder": {"provider": "openai", "config": {"model": "text-embedding-3-small"}},
    "history_db_path": "history.db",
})
openai = OpenAI()
app = FastAPI()


class Said(BaseModel):
    message: str
    user_id: str


class Asked(BaseModel):
    query: str
    user_id: str


@app.post("/chat")
def chat(said: Said):
    found = memory.search(query=said.message, filters={"user_id": said.user_id}, top_k=3)
    known = "\n".join(f"- {entry['memory']}" for entry in found["results"])
    messages = [{"role": "system", "content": f"You are a helpful AI. Answer the question based on query and memories.\nUser Memories:\n{known}"},
                {"role": "user", "content": said.message}]
    answer = openai.chat.completions.create(model="gpt-4.1-nano", messages=messages).choices[0].message.content
    messages.append({"role": "assistant", "content": answer})
    memory.add(messages, user_id=said.user_id)
    return {"answer": answer}


@app.get("/memories")
def memories(user_id: str):
    return memory.get_all(filters={"user_id": user_id})


@app.get("/memories/{memory_id}")
def one(memory_id: str):
    return memory.get(memory_id)


@app.get("/memories/{memory_id}/history")
def history(memory_id: str):
    return memory.history(memory_id)


@app.put("/memories/{memory_id}")
def update(memory_id: str, body: dict):
    return memory.update(memory_id=memory_id, data=body["text"])


@app.delete("/memories/{memory_id}")
def delete(memory_id: str):
    memory.delete(memory_id)
    return {}


@app.post("/search")
def search(asked: Asked):
    return memory.search(query=asked.query, filters={"user_id": asked.user_id})
