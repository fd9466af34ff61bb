"""What DSPy's tutorials show: classification, questions with retrieved passages, an agent with tools, evaluation and an optimizer.

    dspy_tutorials.py PAGES
"""

import sys
from typing import Literal

import dspy
import httpx
from opentelemetry import trace

PAGES = sys.argv[1]
tracer = trace.get_tracer("tutorials")
dspy.configure(lm=dspy.LM("openai/gpt-4o-mini", max_tokens=2000))
places = ["Hamburg", "Kyoto", "Quito", "Oslo", "Lagos", "Lima", "Perth", "Boston", "Malmo", "Cairo"]
corpus = [f"{places[n % 10]} has a harbour that was built in {1700 + n}, and {n * 10} people work there." for n in range(120)]


class Emotion(dspy.Signature):
    """Classify the emotion of a sentence."""

    sentence: str = dspy.InputField()
    sentiment: Literal["joy", "anger", "fear", "sadness", "surprise"] = dspy.OutputField()
    confidence: float = dspy.OutputField()


class Extract(dspy.Signature):
    """Extract structured information from text."""

    text: str = dspy.InputField()
    title: str = dspy.OutputField()
    headings: list[str] = dspy.OutputField()


class RAG(dspy.Module):
    def __init__(self, search):
        super().__init__()
        self.search = search
        self.respond = dspy.ChainOfThought("context, question -> response")

    def forward(self, question):
        return self.respond(context=self.search(question).passages, question=question)


class MultiHop(dspy.Module):
    """As the tutorial on multi-hop search has it, with two hops."""

    def __init__(self, search):
        super().__init__()
        self.search = search
        self.query = dspy.ChainOfThought("claim, notes -> query")
        self.note = dspy.ChainOfThought("claim, notes, context -> new_notes: list[str]")

    def forward(self, claim):
        notes = []
        for _ in range(2):
            query = self.query(claim=claim, notes=notes).query
            notes.extend(self.note(claim=claim, notes=notes, context=self.search(query).passages).new_notes)
        return dspy.Prediction(notes=notes)


class Article(dspy.Module):
    """An outline, and a draft of each of its sections."""

    def __init__(self):
        super().__init__()
        self.outline = dspy.ChainOfThought("topic -> title, sections: list[str]")
        self.draft = dspy.ChainOfThought("topic, section_heading -> content")

    def forward(self, topic):
        outline = self.outline(topic=topic)
        return [self.draft(topic=topic, section_heading=f"{heading} ({number})").content for number, heading in enumerate(outline.sections)]


with tracer.start_as_current_span("index"):
    embedder = dspy.Embedder("openai/text-embedding-3-small", dimensions=64, batch_size=50)
    search = dspy.retrievers.Embeddings(embedder=embedder, corpus=corpus, k=4)


def search_harbours(query: str) -> list[str]:
    """Searches for passages about harbours."""
    return search(query).passages


def read_page(number: int) -> str:
    """Reads a page of the guide."""
    return httpx.get(f"{PAGES}/{number}.html", trust_env=False).text[:1500]


classify, extract, rag, hops, article = dspy.Predict(Emotion), dspy.Predict(Extract), RAG(search), MultiHop(search), Article()
agent = dspy.ReAct("question -> answer", tools=[search_harbours, read_page], max_iters=6)
for number in range(12):
    place = places[number % 10]
    with tracer.start_as_current_span("classify"):
        classify(sentence=f"Ship {number} left {place} without me, and I waited all day.")
    with tracer.start_as_current_span("extract"):
        extract(text=f"{place} opened a new quay. It has {number} cranes. People came from everywhere to see it.")
    with tracer.start_as_current_span("question"):
        rag(question=f"How many people work at harbour {number} of {place}?")
    with tracer.start_as_current_span("agent"):
        agent(question=f"What does the guide say of {place} and its {number} quays?")
    if number % 3 == 0:
        with tracer.start_as_current_span("claim"):
            hops(claim=f"{place} has the oldest harbour of {number}.")
        with tracer.start_as_current_span("article"):
            article(topic=f"Harbours near {place}, part {number}")

examples = [dspy.Example(question=f"When was harbour {n} of {places[n % 10]} built?", response=str(1700 + n)).with_inputs("question") for n in range(30)]


def overlaps(example, prediction, trace=None):
    return any(word in prediction.response for word in example.question.split()[3:5])


with tracer.start_as_current_span("evaluate"):
    dspy.Evaluate(devset=examples[10:], metric=overlaps, num_threads=4)(rag)
with tracer.start_as_current_span("optimize"):
    better = dspy.BootstrapFewShot(metric=overlaps, max_bootstrapped_demos=3, max_labeled_demos=4).compile(rag, trainset=examples[:10])
for number in range(5):
    with tracer.start_as_current_span("question"):
        better(question=f"Who works at the new harbour {number}?")
