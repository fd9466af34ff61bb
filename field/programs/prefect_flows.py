"""Flows as in Prefect's tutorial: tasks that are mapped and retried, subflows, and failures, over its API."""

import asyncio
import sys

from prefect import flow, get_client, task
from prefect.artifacts import create_markdown_artifact
from prefect.variables import Variable


@task(retries=2, retry_delay_seconds=0)
def stars(repository, tries={}):
    tries[repository] = tries.get(repository, 0) + 1
    if repository.endswith("3") and tries[repository] < 2:
        raise OSError("the service did not answer")
    return len(repository)


@task
def average(numbers):
    return sum(numbers) / len(numbers)


@flow
def report(figure):
    create_markdown_artifact(key="report", markdown=f"The average is {figure}.")


@flow(log_prints=True)
def statistics(count):
    numbers = stars.map([f"repository-{number}" for number in range(count)])
    figure = average(numbers)
    print("average", figure)
    report(figure)
    return figure


@flow
def broken():
    raise ValueError("this flow always fails")


async def look():
    """What the pages of its user interface ask for."""
    async with get_client() as client:
        for _ in range(4):
            for path in ("flows/filter", "flow_runs/filter", "flow_runs/count", "task_runs/filter", "task_runs/count", "logs/filter",
                         "deployments/filter", "work_pools/filter", "artifacts/latest/filter", "variables/filter", "ui/flows/count-deployments"):
                await client._client.post("/" + path, json={"flow_ids": []} if path.startswith("ui") else {"limit": 50} if path.endswith("filter") else {})
            for run in await client.read_flow_runs(limit=5):
                await client._client.get(f"/flow_runs/{run.id}/graph-v2")
                await client._client.get(f"/flow_runs/{run.id}")
                await client.read_flow_run_states(run.id)


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        statistics(4 + number)
    Variable.set("answer", "42", overwrite=True)
    try:
        broken()
    except ValueError:
        pass
    asyncio.run(look())
