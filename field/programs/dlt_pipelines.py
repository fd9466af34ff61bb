"""dlt's tutorials: an API loaded page by page, with what changed since, with each issue's comments; a database loaded; and what came read.

dlt_pipelines.py API DATABASE
"""

import os
import sys

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import HeaderLinkPaginator
from dlt.sources.rest_api import rest_api_source
from dlt.sources.sql_database import sql_database, sql_table
from opentelemetry import trace

api, database = sys.argv[1:]
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
tracer = trace.get_tracer("dlt-tutorials")
tables_from = database.replace("postgresql:", "postgresql+psycopg2:")
destination = dlt.destinations.postgres(credentials=database)


def run(name, data, **options):
    # As a scheduler's task would be: one span for each run.
    with tracer.start_as_current_span(name):
        pipeline = dlt.pipeline(pipeline_name=name, destination=destination, dataset_name=f"{name}_data", pipelines_dir="pipelines")
        print(pipeline.run(data, **options))
        return pipeline


@dlt.resource(table_name="issues", write_disposition="merge", primary_key="id")
def issues(updated_at=dlt.sources.incremental("updated_at", initial_value="2026-01-01T00:00:00Z")):
    client = RESTClient(base_url=api, paginator=HeaderLinkPaginator())
    yield from client.paginate("repos/dlt/issues", params={"since": updated_at.start_value, "per_page": 50})


@dlt.transformer(data_from=issues, write_disposition="append")
def labels(page):
    for issue in page:
        yield [{"issue": issue["id"], **label} for label in issue["labels"]]


def host():
    return rest_api_source({
        "client": {"base_url": api, "paginator": "header_link"},
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge", "endpoint": {"params": {"per_page": 40}}},
        "resources": [
            "repos",
            {"name": "open_issues", "endpoint": {"path": "repos/dlt/issues", "params": {"state": "open"}}},
            {"name": "comments", "endpoint": {"path": "repos/dlt/issues/{resources.open_issues.number}/comments"}, "include_from_parent": ["id"]},
        ],
    })


def shop():
    source = sql_database(tables_from, schema="shop", chunk_size=500)
    source.orders.apply_hints(incremental=dlt.sources.incremental("ordered_at"), primary_key="id", write_disposition="merge")
    return source


for turn in range(2):
    loaded = run("issues", [issues, labels])
    hosted = run("host", host())
    copied = run("shop", shop())
    run("customers", sql_table(tables_from, table="customers", schema="shop", incremental=dlt.sources.incremental("updated_at")), write_disposition="append")
for pipeline, tables in ((loaded, ("issues", "issues__assignees")), (hosted, ("repos", "comments")), (copied, ("orders", "items", "products"))):
    with tracer.start_as_current_span("read"), pipeline.sql_client() as client:
        for table in tables:
            with client.execute_query(f"SELECT * FROM {client.make_qualified_table_name(table)} LIMIT 100") as rows:
                print(table, len(rows.fetchall()))
with tracer.start_as_current_span("revenue"):
    query = "SELECT o.state, sum(i.quantity * p.price) FROM orders o JOIN items i ON i.order_id = o.id JOIN products p ON p.id = i.product_id GROUP BY 1"
    with copied.sql_client() as client, client.execute_query(query) as rows:
        print(rows.fetchall())
