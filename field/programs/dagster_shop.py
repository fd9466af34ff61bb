"""The pipeline of Dagster's tutorials for a shop: tables that are fetched, joined and summed up, checks, a partitioned report, a schedule, a sensor."""

import os
import sqlite3

import pandas as pd
import requests
from dagster import (AssetExecutionContext, AssetSelection, DailyPartitionsDefinition, Definitions, MaterializeResult, RunRequest, ScheduleDefinition, SensorEvaluationContext,
                     asset, asset_check, AssetCheckResult, define_asset_job, job, op, sensor)

PAGES = os.environ["PAGES_URL"]
DATABASE = os.environ["SHOP_DATABASE"]


def store(table, frame):
    with sqlite3.connect(DATABASE) as connection:
        frame.to_sql(table, connection, if_exists="replace", index=False)
    return MaterializeResult(metadata={"rows": len(frame)})


def load(statement, *values):
    with sqlite3.connect(DATABASE) as connection:
        return pd.read_sql(statement, connection, params=values)


def raw(name):
    @asset(name=f"raw_{name}", group_name="raw")
    def fetched() -> MaterializeResult:
        answer = requests.get(f"{PAGES}/{name}.json", timeout=10)
        answer.raise_for_status()
        return store(f"raw_{name}", pd.DataFrame(answer.json()))

    return fetched


raws = [raw(name) for name in ("customers", "orders", "payments")]


@asset(deps=raws, group_name="shop")
def orders() -> MaterializeResult:
    return store("orders", load("SELECT o.*, sum(p.amount) AS amount FROM raw_orders o JOIN raw_payments p ON p.order_id = o.id GROUP BY o.id"))


@asset(deps=[orders], group_name="shop")
def customers(context: AssetExecutionContext) -> MaterializeResult:
    frame = load("SELECT c.*, count(o.id) AS orders, sum(o.amount) AS amount FROM raw_customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id")
    context.log.info("%d customers", len(frame))
    return store("customers", frame)


@asset_check(asset=customers)
def customers_are_unique() -> AssetCheckResult:
    amount = int(load("SELECT count(*) - count(DISTINCT id) AS amount FROM customers")["amount"][0])
    return AssetCheckResult(passed=amount == 0, metadata={"amount": amount})


@asset(deps=[orders], partitions_def=DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-31"), group_name="reports")
def daily_report(context: AssetExecutionContext) -> MaterializeResult:
    found = load("SELECT count(*) AS amount, sum(amount) AS total FROM orders WHERE day = ?", context.partition_key)
    return MaterializeResult(metadata={"orders": int(found["amount"][0]), "total": float(found["total"][0] or 0)})


@op
def count_customers(context) -> int:
    amount = int(load("SELECT count(*) AS amount FROM customers")["amount"][0])
    context.log.info("%d customers", amount)
    return amount


@op
def tell(context, amount: int):
    requests.get(f"{PAGES}/tell.json", params={"amount": amount}, timeout=10)


@job
def tell_customers():
    tell(count_customers())


shop_job = define_asset_job("shop_job", AssetSelection.groups("raw", "shop"))
report_job = define_asset_job("report_job", AssetSelection.groups("reports"))


@sensor(job=tell_customers, minimum_interval_seconds=30)
def new_customers(context: SensorEvaluationContext):
    amount = requests.get(f"{PAGES}/tell.json", timeout=10).json()["customers"]
    if str(amount) != context.cursor:
        context.update_cursor(str(amount))
        yield RunRequest(run_key=str(amount))


defs = Definitions(assets=[*raws, orders, customers, daily_report], asset_checks=[customers_are_unique], jobs=[shop_job, report_job, tell_customers], sensors=[new_customers],
                   schedules=[ScheduleDefinition(job=shop_job, cron_schedule="* * * * *")])
