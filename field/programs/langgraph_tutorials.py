"""LangGraph's tutorials: a chatbot with tools and memory in SQLite, a person asked in between, workflows, an agent that looks texts up.

langgraph_tutorials.py PAGES
"""

import operator
import pathlib
import sys
from typing import Annotated, Literal, TypedDict

import httpx
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, Send, interrupt
from opentelemetry import trace
from pydantic import BaseModel, Field

tracer = trace.get_tracer("langgraph-tutorials")
model = ChatOpenAI(model="gpt-4o-mini")


@tool
def search(query: str) -> str:
    """Searches the web and gives the first page that is found."""
    return httpx.get(f"{sys.argv[1]}/{len(query) % 4}.html", trust_env=False).text[:600]


@tool
def human_assistance(query: str) -> str:
    """Asks a person for help."""
    return interrupt({"query": query})["data"]


def chatbot(tools, checkpointer):
    asked = model.bind_tools(tools)
    graph = StateGraph(MessagesState)
    graph.add_node("chatbot", lambda state: {"messages": [asked.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode(tools))
    graph.add_conditional_edges("chatbot", tools_condition)
    graph.add_edge("tools", "chatbot")
    graph.add_edge(START, "chatbot")
    return graph.compile(checkpointer=checkpointer)


def talk():
    """The first tutorial: questions with a search, remembered in a database; then going back in time."""
    questions = ["Hi, I am Will. What is LangGraph?", "Do you remember my name?", "What did I ask first?", "Write a short poem about graphs."]
    with SqliteSaver.from_conn_string("talks.db") as saver:
        graph = chatbot([search], saver)
        for person in range(5):
            thread = {"configurable": {"thread_id": f"person-{person}"}}
            for question in questions:
                with tracer.start_as_current_span("talk"):
                    for step in graph.stream({"messages": [HumanMessage(question)]}, thread, stream_mode="values"):
                        step["messages"][-1]
            with tracer.start_as_current_span("go back"):
                states = list(graph.get_state_history(thread))
                print(person, len(states), "states")
                graph.invoke({"messages": [HumanMessage("And in other words?")]}, states[len(states) // 2].config)


def ask_a_person():
    """A person is asked in between: the graph stops, and goes on with what the person says."""
    with SqliteSaver.from_conn_string("talks.db") as saver:
        graph = chatbot([human_assistance, search], saver)
        for number in range(5):
            thread = {"configurable": {"thread_id": f"help-{number}"}}
            with tracer.start_as_current_span("ask for help"):
                graph.invoke({"messages": [HumanMessage("I need expert guidance for building an agent.")]}, thread)
            with tracer.start_as_current_span("answer"):
                print(graph.get_state(thread).next, graph.invoke(Command(resume={"data": "Use LangGraph."}), thread)["messages"][-1].content)


class Sections(BaseModel):
    sections: list[str] = Field(description="The report's sections")


class Feedback(BaseModel):
    grade: Literal["funny", "not funny"]
    feedback: str


class Route(BaseModel):
    step: Literal["poem", "story", "joke"]


def write(kind):
    return lambda state: {kind: model.invoke(f"Write a {kind} about {state['topic']}").content}


class Work(TypedDict, total=False):
    topic: str
    joke: str
    story: str
    poem: str
    combined: str


def workflows():
    """What the page on workflows has: a chain, things at once, routing, an orchestrator with workers, an optimizer with a judge."""
    chain = StateGraph(Work)
    chain.add_node("write", write("joke"))
    chain.add_node("improve", lambda state: {"joke": model.invoke(f"Make this joke funnier: {state['joke']}").content})
    chain.add_node("polish", lambda state: {"combined": model.invoke(f"Add a twist to this joke: {state['joke']}").content})
    chain.add_edge(START, "write")
    chain.add_conditional_edges("write", lambda state: "improve" if "?" not in state["joke"] else END, ["improve", END])
    chain.add_edge("improve", "polish")
    chain.add_edge("polish", END)

    at_once = StateGraph(Work)
    for kind in ("joke", "story", "poem"):
        at_once.add_node(f"write {kind}", write(kind))
        at_once.add_edge(START, f"write {kind}")
        at_once.add_edge(f"write {kind}", "combine")
    at_once.add_node("combine", lambda state: {"combined": "\n".join(state[kind] for kind in ("joke", "story", "poem"))})
    at_once.add_edge("combine", END)

    router = model.with_structured_output(Route, method="json_schema")
    routing = StateGraph(Work)
    routing.add_node("route", lambda state: {"combined": router.invoke(f"Route this to poem, story or joke: {state['topic']}").step})
    for kind in ("joke", "story", "poem"):
        routing.add_node(f"write {kind}", write(kind))
        routing.add_edge(f"write {kind}", END)
    routing.add_edge(START, "route")
    routing.add_conditional_edges("route", lambda state: f"write {state['combined']}", ["write joke", "write story", "write poem"])

    class Report(TypedDict, total=False):
        topic: str
        sections: list[str]
        done: Annotated[list[str], operator.add]
        report: str

    planner = model.with_structured_output(Sections, method="json_schema")
    report = StateGraph(Report)
    # The stand-in plans one section alone; a report has these, too.
    report.add_node("plan", lambda state: {"sections": [*planner.invoke(f"Plan a report on {state['topic']}").sections, "Use", "Cost", "Outlook"]})
    report.add_node("write", lambda state: {"done": [model.invoke(f"Write a section: {state['topic']}").content]})
    report.add_node("join", lambda state: {"report": "\n\n".join(state["done"])})
    report.add_edge(START, "plan")
    report.add_conditional_edges("plan", lambda state: [Send("write", {"topic": section}) for section in state["sections"]], ["write"])
    report.add_edge("write", "join")
    report.add_edge("join", END)

    judge = model.with_structured_output(Feedback, method="json_schema")
    better = StateGraph(Work)
    better.add_node("write", write("joke"))
    better.add_node("judge", lambda state: {"combined": judge.invoke(f"Grade this joke: {state['joke']}").grade})
    better.add_edge(START, "write")
    better.add_edge("write", "judge")
    better.add_conditional_edges("judge", lambda state: END if state["combined"] == "funny" else "write", ["write", END])

    for name, graph in (("chain", chain), ("at once", at_once), ("routing", routing), ("report", report), ("judge", better)):
        compiled = graph.compile()
        for topic in ("cats", "the sea", "graphs", "scaling laws"):
            with tracer.start_as_current_span(name):
                compiled.invoke({"topic": topic})
        print(name, "done")


class Grade(BaseModel):
    """Whether a text answers the question."""

    score: Literal["yes", "no"]


def retrieve():
    """An agent that looks things up in texts, grades them, and answers from them."""
    with tracer.start_as_current_span("index"):
        texts = [part for name in ("serve.py", "browser.py") for part in (pathlib.Path(__file__).with_name(name)).read_text().split("\n\n") if part.strip()]
        store = InMemoryVectorStore(OpenAIEmbeddings(check_embedding_ctx_length=False))
        store.add_documents([Document(page_content=text) for text in texts])
        print(len(texts), "texts")
    retriever = store.as_retriever(search_kwargs={"k": 3})

    @tool
    def look_up(query: str) -> str:
        """Looks up texts about the programs here."""
        return "\n\n".join(found.page_content for found in retriever.invoke(query))

    asked, grader = model.bind_tools([look_up]), model.with_structured_output(Grade, method="json_schema")

    def grade(state) -> Literal["answer", "rewrite"]:
        said = grader.invoke(f"Is this text relevant to the question {state['messages'][0].content}?\n{state['messages'][-1].content}")
        return "answer" if said.score == "yes" else "rewrite"

    graph = StateGraph(MessagesState)
    graph.add_node("decide", lambda state: {"messages": [asked.invoke(state["messages"])]})
    graph.add_node("retrieve", ToolNode([look_up]))
    graph.add_node("rewrite", lambda state: {"messages": [HumanMessage(model.invoke(f"Rewrite: {state['messages'][0].content}").content)]})
    graph.add_node("answer", lambda state: {"messages": [model.invoke(f"Answer {state['messages'][0].content} from {state['messages'][-1].content}")]})
    graph.add_edge(START, "decide")
    graph.add_conditional_edges("decide", tools_condition, {"tools": "retrieve", END: END})
    graph.add_conditional_edges("retrieve", grade)
    graph.add_edge("rewrite", "decide")
    graph.add_edge("answer", END)
    compiled = graph.compile()
    for question in ["What is crawled?", "Which port is used?", "How is a form sent?", "What are cookies kept for?", "How does a server end?", "What is a form?"]:
        with tracer.start_as_current_span("look up"):
            print(compiled.invoke({"messages": [HumanMessage(question)]})["messages"][-1].content)


talk()
ask_a_person()
workflows()
retrieve()
