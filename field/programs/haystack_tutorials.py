"""Haystack's first tutorials: files indexed, questions over embeddings and words, a page asked about, a choice of routes, an agent.

    haystack_tutorials.py PAGES     an address with pages to fetch
"""

import asyncio
import pathlib
import sys
import tempfile

from haystack import Document, Pipeline, tracing
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder
from haystack.components.converters import HTMLToDocument, TextFileToDocument
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.components.fetchers import LinkContentFetcher
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.joiners import DocumentJoiner
from haystack.components.preprocessors import DocumentCleaner, DocumentSplitter
from haystack.components.retrievers import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.components.routers import ConditionalRouter, FileTypeRouter
from haystack.components.writers import DocumentWriter
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.tools import tool
from haystack_integrations.tracing.opentelemetry import OpenTelemetryTracer
from opentelemetry import trace

# As the documentation on tracing says.
tracing.enable_tracing(OpenTelemetryTracer(trace.get_tracer("haystack")))

WONDERS = ("Colossus", "Pyramid", "Temple", "Statue", "Mausoleum", "Lighthouse", "Gardens")
TEMPLATE = [ChatMessage.from_user(
    "Given these documents, answer the question.\n{% for document in documents %}{{ document.content }}\n{% endfor %}Question: {{ question }}")]
QUESTIONS = [f"{start} the {wonder}?" for wonder in WONDERS for start in ("Where was", "Who built")]


def story(wonder, part):
    return f"The {wonder} in part {part}: " + f"it stood by the sea and people came to see the {wonder.lower()} of old. " * 6


def first_question():
    """Creating your first question answering pipeline with retrieval."""
    store = InMemoryDocumentStore()
    documents = [Document(content=story(wonder, part), meta={"wonder": wonder}) for wonder in WONDERS for part in range(20)]
    store.write_documents(OpenAIDocumentEmbedder(progress_bar=False).run(documents)["documents"])
    pipeline = Pipeline()
    pipeline.add_component("text_embedder", OpenAITextEmbedder())
    pipeline.add_component("retriever", InMemoryEmbeddingRetriever(store))
    pipeline.add_component("prompt_builder", ChatPromptBuilder(template=TEMPLATE, required_variables="*"))
    pipeline.add_component("llm", OpenAIChatGenerator(model="gpt-4o-mini"))
    pipeline.connect("text_embedder.embedding", "retriever.query_embedding")
    pipeline.connect("retriever", "prompt_builder")
    pipeline.connect("prompt_builder.prompt", "llm.messages")
    for question in QUESTIONS:
        answer = pipeline.run({"text_embedder": {"text": question}, "prompt_builder": {"question": question}})
        print(question, answer["llm"]["replies"][0].text)
    return store


def files():
    """Preprocessing different file types."""
    folder = pathlib.Path(tempfile.mkdtemp())
    for number in range(30):
        text = story(WONDERS[number % 7], number)
        name, body = [("txt", text), ("html", f"<html><body><p>{text}</p></body></html>")][number % 2]
        (folder / f"file-{number}.{name}").write_text(body)
    store = InMemoryDocumentStore()
    pipeline = Pipeline()
    pipeline.add_component("router", FileTypeRouter(mime_types=["text/plain", "text/html"]))
    pipeline.add_component("text", TextFileToDocument())
    pipeline.add_component("html", HTMLToDocument())
    pipeline.add_component("joiner", DocumentJoiner())
    pipeline.add_component("cleaner", DocumentCleaner())
    pipeline.add_component("splitter", DocumentSplitter(split_by="word", split_length=40, split_overlap=5))
    pipeline.add_component("embedder", OpenAIDocumentEmbedder(progress_bar=False))
    pipeline.add_component("writer", DocumentWriter(store))
    pipeline.connect("router.text/plain", "text.sources")
    pipeline.connect("router.text/html", "html.sources")
    pipeline.connect("text", "joiner")
    pipeline.connect("html", "joiner")
    pipeline.connect("joiner", "cleaner")
    pipeline.connect("cleaner", "splitter")
    pipeline.connect("splitter", "embedder")
    pipeline.connect("embedder", "writer")
    print(pipeline.run({"router": {"sources": sorted(folder.iterdir())}})["writer"])
    return store


def hybrid(store):
    """Retrieval by words and by embeddings, joined."""
    pipeline = Pipeline()
    pipeline.add_component("text_embedder", OpenAITextEmbedder())
    pipeline.add_component("embeddings", InMemoryEmbeddingRetriever(store))
    pipeline.add_component("words", InMemoryBM25Retriever(store))
    pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=5))
    pipeline.connect("text_embedder.embedding", "embeddings.query_embedding")
    pipeline.connect("embeddings", "joiner")
    pipeline.connect("words", "joiner")
    for question in QUESTIONS[::2]:
        found = pipeline.run({"text_embedder": {"text": question}, "words": {"query": question}})
        print(question, len(found["joiner"]["documents"]))


def routes(store, pages):
    """A choice: the store is asked, or pages are fetched where the question names them."""
    pipeline = Pipeline()
    pipeline.add_component("retriever", InMemoryBM25Retriever(store, top_k=3))
    pipeline.add_component("router", ConditionalRouter([
        {"condition": "{{ 'page' in question }}", "output": "{{ links }}", "output_name": "links", "output_type": list[str]},
        {"condition": "{{ True }}", "output": "{{ question }}", "output_name": "query", "output_type": str},
    ]))
    pipeline.add_component("fetcher", LinkContentFetcher())
    pipeline.add_component("converter", HTMLToDocument())
    pipeline.add_component("joiner", DocumentJoiner())
    pipeline.add_component("prompt_builder", ChatPromptBuilder(template=TEMPLATE, required_variables="*"))
    pipeline.add_component("llm", OpenAIChatGenerator(model="gpt-4o-mini"))
    pipeline.connect("router.query", "retriever.query")
    pipeline.connect("router.links", "fetcher.urls")
    pipeline.connect("fetcher.streams", "converter.sources")
    pipeline.connect("converter.documents", "joiner.documents")
    pipeline.connect("retriever.documents", "joiner.documents")
    pipeline.connect("joiner.documents", "prompt_builder.documents")
    pipeline.connect("prompt_builder.prompt", "llm.messages")
    links = [f"{pages}/{page}.html" for page in range(4)]
    for number, question in enumerate(QUESTIONS):
        question += " Look at the page." if number % 3 == 0 else ""
        answer = pipeline.run({"router": {"question": question, "links": links}, "prompt_builder": {"question": question}})
        print(question, answer["llm"]["replies"][0].text)


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def agents():
    """An agent with a tool, asked by several people, then several at once."""
    agent = Agent(chat_generator=OpenAIChatGenerator(model="gpt-4o-mini"), tools=[weather], system_prompt="You are helpful.")
    for city in ("Berlin", "Paris", "Rome", "Oslo", "Lima"):
        print(agent.run(messages=[ChatMessage.from_user(f"What is the weather in {city}?")])["messages"][-1].text)

    async def all_at_once():
        questions = [ChatMessage.from_user(f"What is the weather in {city}?") for city in ("Cairo", "Delhi", "Quito")]
        return await asyncio.gather(*[agent.run_async(messages=[question]) for question in questions])

    print(len(asyncio.run(all_at_once())))


known = first_question()
hybrid(files())
routes(known, sys.argv[1])
agents()
