"""The examples of smolagents' guide: questions to a database, several tools, an agent that has another one search.

    smolagents_examples.py PORT
"""

import sys

import requests
from smolagents import CodeAgent, OpenAIServerModel, Tool, ToolCallingAgent, VisitWebpageTool, tool
from sqlalchemy import Column, Float, ForeignKey, Integer, MetaData, String, Table, create_engine, insert, inspect, text

base = f"http://127.0.0.1:{sys.argv[1]}"
model = OpenAIServerModel(model_id="gpt-4o-mini", api_base=base + "/v1", api_key="x")

engine = create_engine("sqlite:///receipts.db")
metadata = MetaData()
receipts = Table("receipts", metadata, Column("id", Integer, primary_key=True), Column("customer_name", String(40)), Column("price", Float), Column("tip", Float))
waiters = Table("waiters", metadata, Column("receipt_id", ForeignKey("receipts.id"), primary_key=True), Column("waiter_name", String(40)))
metadata.drop_all(engine)
metadata.create_all(engine)
names = ["Alan Payne", "Alex Mason", "Woodrow Wilson", "Margaret James", "Ada King", "Grace Hill", "Ken Dow"]
with engine.begin() as connection:
    connection.execute(insert(receipts), [{"customer_name": names[n % 7], "price": 5 + n * 7 % 60, "tip": n % 5 + 0.5} for n in range(120)])
    connection.execute(insert(waiters), [{"receipt_id": n + 1, "waiter_name": ("Corey Johnson", "Michael Watts", "Ann Lee")[n % 3]} for n in range(120)])


class Engine(Tool):
    name = "sql_engine"
    inputs = {"query": {"type": "string", "description": "The query to perform. This should be correct SQL."}}
    output_type = "string"

    def __init__(self):
        described = "Allows you to perform SQL queries on these tables. Returns a string representation of the result."
        for table in ("receipts", "waiters"):
            described += f"\nTable '{table}':\n" + "\n".join(f"  - {it['name']}: {it['type']}" for it in inspect(engine).get_columns(table))
        self.description = described
        super().__init__()

    def forward(self, query: str) -> str:
        output = ""
        with engine.connect() as connection:
            for row in connection.execute(text(query)):
                output += "\n" + str(row)
        return output


@tool
def get_weather(location: str) -> str:
    """
    Get the current weather at the given location.

    Args:
        location: The location (city name).
    """
    data = requests.get(f"{base}/weather", params={"city": location}, timeout=10).json()
    return f"The current weather in {location} is {data['description']} with a temperature of {data['temperature']} °C."


@tool
def convert_currency(amount: float, from_currency: str, to_currency: str) -> str:
    """
    Converts a specified amount from one currency to another.

    Args:
        amount: The amount of money to convert.
        from_currency: The currency code of the currency to convert from.
        to_currency: The currency code of the currency to convert to.
    """
    rate = requests.get(f"{base}/rates", params={"from": from_currency, "to": to_currency}, timeout=10).json()["rate"]
    return f"{amount} {from_currency} is equal to {amount * rate} {to_currency}."


sql = CodeAgent(tools=[Engine()], model=model, max_steps=6)
sql.run("Can you give me the name of the client who got the most expensive receipt?")
sql.run("Which waiter got more total money from tips?")
for name in ("Payne", "Mason", "Wilson", "James"):
    sql.run(f"List the receipts of {name} please.")

tools = CodeAgent(tools=[get_weather, convert_currency], model=model, max_steps=6, planning_interval=4)
for city in ("Paris", "Berlin", "Rome"):
    tools.run(f"What is the weather in {city}?")
tools.run("Convert 5000 dollars to Euros")
tools.run("What do I pack for a trip to Oslo, Bergen, Tromso?")
for line in ("Also, what is the weather in Oslo now?", "Convert 70 dollars for the trip"):
    tools.run(line, reset=False)

searcher = ToolCallingAgent(tools=[VisitWebpageTool()], model=model, max_steps=6, name="search_agent", description="Reads web pages and tells what they say.")
manager = CodeAgent(tools=[], model=model, managed_agents=[searcher], max_steps=6)
for topic in ("Kayaks", "Bread", "Comets"):
    manager.run(f"Write a guide to {topic} with the help of your team.")
