"""LangChain's tutorials: a search over split texts, a chain that answers from what it finds, extraction, and an agent with tools."""

import pathlib

from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter
from opentelemetry import trace
from pydantic import BaseModel

tracer = trace.get_tracer("langchain-tutorial")
model = ChatOpenAI(model="gpt-4o-mini")
text = pathlib.Path(__file__).read_text() + pathlib.Path(__file__).with_name("serve.py").read_text()


class Person(BaseModel):
    name: str
    height: float


@tool
def multiply(a: int, b: int) -> int:
    """Multiplies two numbers."""
    return a * b


@tool
def look_up(city: str) -> str:
    """The weather of a city."""
    return f"It is sunny in {city}."


with tracer.start_as_current_span("index"):
    splitter = RecursiveCharacterTextSplitter(chunk_size=400, chunk_overlap=50)
    parts = splitter.split_documents([Document(page_content=text)])
    store = InMemoryVectorStore(OpenAIEmbeddings(check_embedding_ctx_length=False))
    store.add_documents(parts)
    print(len(parts), "parts")
retriever = store.as_retriever(search_kwargs={"k": 3})
prompt = ChatPromptTemplate.from_template("Answer from this alone:\n{context}\n\nQuestion: {question}")
chain = (
    {"context": retriever | (lambda found: "\n\n".join(it.page_content for it in found)), "question": RunnablePassthrough()}
    | prompt | model | StrOutputParser()
)
questions = ["What is crawled?", "Which port is used?", "How is the server ended?", "What is traced?", "Who reads this?", "Why twice?"]
for question in questions:
    with tracer.start_as_current_span("answer"):
        print(chain.invoke(question))
with tracer.start_as_current_span("answer all"):
    print(chain.batch(questions[:4]))
for sentence in ["Alan is 1.83 m tall.", "Ann measures 6 feet.", "Ben is small."]:
    with tracer.start_as_current_span("extract"):
        print(model.with_structured_output(Person, method="json_schema").invoke(sentence))
agent = create_agent(model, [multiply, look_up])
for question in ["What is 3 times 4?", "What is the weather in Rome?", "And in Oslo?", "What is 7 times 8?"]:
    with tracer.start_as_current_span("agent"):
        print(agent.invoke({"messages": [{"role": "user", "content": question}]})["messages"][-1].content)
