"""Another program and people at Dagster: jobs are launched by its Python client, its page's lists are asked for by GraphQL.

    dagster_client.py PORT
"""

import json
import sys
import time
import urllib.request

from dagster import DagsterRunStatus
from dagster_graphql import DagsterGraphQLClient

port = int(sys.argv[1])
client = DagsterGraphQLClient("127.0.0.1", port_number=port)


def ask(query, **variables):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query, "variables": variables}).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.loads(answer.read())
    if "errors" in found:
        print(found["errors"][:1])
    return found["data"]


def wait(run, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        status = client.get_run_status(run)
        if status in (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED):
            return status
        time.sleep(2)


RUNS = """query Runs($limit: Int, $filter: RunsFilter) { runsOrError(limit: $limit, filter: $filter) { ... on Runs { count results {
  runId jobName status tags { key value } startTime endTime assets { key { path } } stats { ... on RunStatsSnapshot { stepsSucceeded stepsFailed materializations } } } } } }"""
REPOSITORIES = """query Repositories { repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } jobs { name isAssetJob description
  schedules { name } sensors { name } runs(limit: 5) { runId status } } } } } }"""
ASSETS = """query Assets { assetNodes { assetKey { path } groupName isPartitioned jobNames dependencyKeys { path } dependedByKeys { path }
  assetMaterializations(limit: 1) { runId timestamp metadataEntries { label } } partitionStats { numMaterialized numPartitions } freshnessStatusInfo { freshnessStatus } } }"""
ASSET = """query Asset($path: [String!]!) { assetOrError(assetKey: {path: $path}) { ... on Asset { key { path } assetMaterializations(limit: 20) { runId partition timestamp
  metadataEntries { label } stepStats { startTime endTime } } definition { description opNames } } } }"""
EVENTS = """query Events($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events { __typename ... on MessageEvent { message timestamp stepKey } } cursor hasMore } } }"""
RUN = """query Run($run: ID!) { runOrError(runId: $run) { ... on Run { runId status jobName stepStats { stepKey status startTime endTime } executionPlan { steps { key inputs { dependsOn { key } } } } } } }"""
TICKS = """query Automation { repositoriesOrError { ... on RepositoryConnection { nodes { schedules { name scheduleState { status runs(limit: 3) { runId } ticks(limit: 5) { status timestamp } } }
  sensors { name sensorState { status ticks(limit: 5) { status timestamp runIds } } } } } } }"""
START = """mutation Start($name: String!, $location: String!, $repository: String!) { startSchedule(scheduleSelector: {scheduleName: $name, repositoryName: $repository, repositoryLocationName: $location}) { __typename } }"""
SENSE = """mutation Sense($name: String!, $location: String!, $repository: String!) { startSensor(sensorSelector: {sensorName: $name, repositoryName: $repository, repositoryLocationName: $location}) { __typename } }"""

node = ask(REPOSITORIES)["repositoriesOrError"]["nodes"][0]
where = {"location": node["location"]["name"], "repository": node["name"]}
run = client.submit_job_execution("shop_job")
print("first", wait(run))
ask(START, name="shop_job_schedule", **where)
ask(SENSE, name="new_customers", **where)
for visit in range(5):
    days = [client.submit_job_execution("report_job", tags={"dagster/partition": f"2024-01-{visit * 2 + n + 1:02}"}) for n in range(2)]
    ask(REPOSITORIES)
    ask(ASSETS)
    ask(RUNS, limit=25, filter={})
    ask(RUNS, limit=10, filter={"statuses": ["STARTED", "QUEUED"]})
    ask(TICKS)
    for day in days:
        wait(day, 30)
        ask(RUN, run=day)
        ask(EVENTS, run=day)
    for name in ("customers", "orders", "daily_report"):
        ask(ASSET, path=[name])
    ask(RUNS, limit=25, filter={"pipelineName": "shop_job"})
print([found["status"] for found in ask(RUNS, limit=50, filter={})["runsOrError"]["results"]])
