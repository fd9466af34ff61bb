"""Agents of Agno's introduction: one with tools, one with a session in PostgreSQL, a team, a workflow and typed output, on a stand-in for the model: agno_agents.py MODEL-PORT DATABASE-PORT"""

import sys

from agno.agent import Agent
from agno.db.postgres import PostgresDb
from agno.models.openai import OpenAIChat
from agno.team import Team
from agno.workflow import Step, Workflow
from pydantic import BaseModel

db = PostgresDb(db_url=f"postgresql+psycopg://field@127.0.0.1:{sys.argv[2]}/field")


def model():
    return OpenAIChat(id="gpt-4o-mini", base_url=f"http://127.0.0.1:{sys.argv[1]}/v1", api_key="x")


def get_price(symbol: str) -> str:
    """The price of a share."""
    return f"{symbol} costs 100"


def get_news(topic: str) -> str:
    """What is new about a topic."""
    return f"Nothing new about {topic}. " * 5


class Script(BaseModel):
    setting: str
    ending: str
    characters: list[str]


analyst = Agent(name="Analyst", model=model(), tools=[get_price], instructions="Use tables.", telemetry=False)
writer = Agent(name="Writer", model=model(), tools=[get_news], telemetry=False)
chat = Agent(name="Chat", model=model(), db=db, add_history_to_context=True, num_history_runs=3, telemetry=False)
remember = Agent(name="Memory", model=model(), db=db, update_memory_on_run=True, telemetry=False)
typed = Agent(name="Script", model=model(), output_schema=Script, telemetry=False)
team = Team(name="Desk", members=[analyst, writer], model=model(), db=db, telemetry=False)
flow = Workflow(name="Article", db=db, steps=[Step(name="research", agent=writer), Step(name="write", agent=analyst)], telemetry=False)
for turn in range(6):
    analyst.run(f"What is the price of share {turn}?")
    for part in range(4):
        chat.run(f"Tell me about town {part}", session_id=f"session-{turn}", user_id=f"person{turn}")
    chat.get_chat_history(session_id=f"session-{turn}")
    remember.run("I like the sea and my name is Ann.", user_id=f"person{turn}", session_id=f"memory-{turn}")
    typed.run(f"A film in city {turn}")
    team.run(f"What is new about share {turn}?", session_id=f"team-{turn}")
    flow.run(input=f"An article about harbour {turn}", session_id=f"flow-{turn}")
