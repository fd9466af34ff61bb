"""LlamaIndex's starter tutorial: files are split, indexed, kept and asked; a chat, and an agent with a tool."""

import asyncio
import os
import pathlib
import tempfile

from llama_index.core import Settings, StorageContext, SummaryIndex, VectorStoreIndex, load_index_from_storage
from llama_index.core import SimpleDirectoryReader
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.node_parser import SentenceSplitter
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike

address = os.environ["OPENAI_BASE_URL"]
Settings.llm = OpenAILike(model="gpt-4o-mini", api_base=address, api_key="x", is_chat_model=True, is_function_calling_model=True)
Settings.embed_model = OpenAILikeEmbedding(model_name="text-embedding-3-small", api_base=address, api_key="x", embed_batch_size=10)
Settings.node_parser = SentenceSplitter(chunk_size=256, chunk_overlap=20)


def multiply(a: float, b: float) -> float:
    """Multiplies two numbers."""
    return a * b


documents = SimpleDirectoryReader(input_files=[path for path in pathlib.Path(__file__).parent.glob("*.py")][:8]).load_data()
index = VectorStoreIndex.from_documents(documents)
with tempfile.TemporaryDirectory() as folder:
    index.storage_context.persist(folder)
    index = load_index_from_storage(StorageContext.from_defaults(persist_dir=folder))
engine = index.as_query_engine()
for question in ("What is crawled?", "Which tasks are there?", "How are mails read?", "What does a flow do?"):
    print(engine.query(question))
print(index.as_query_engine(response_mode="refine", similarity_top_k=4).query("What is all of it about?"))
print(SummaryIndex.from_documents(documents[:2]).as_query_engine(response_mode="tree_summarize").query("Sum it up."))
chat = index.as_chat_engine(chat_mode="context")
for question in ("What is in here?", "And what else?", "Which is the longest?"):
    print(chat.chat(question))
async def ask(question):
    agent = FunctionAgent(tools=[multiply], llm=Settings.llm, system_prompt="You multiply.", streaming=False)
    print(await agent.run(question))


for question in ("What is 3 times 4?", "What is 5 times 6?"):
    try:
        asyncio.run(ask(question))
    except Exception as error:
        print("agent:", error)
