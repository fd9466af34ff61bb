"""Great Expectations on a table of taxi rides in PostgreSQL: its tutorials' steps, then a checkpoint for every month and one for the drivers."""

import sys

import great_expectations as gx
from great_expectations import expectations as gxe

context = gx.get_context(mode="file", project_root_dir="project")
source = context.data_sources.add_postgres("taxi", connection_string=sys.argv[1])

# As in "Try GX Core": one table, one batch, expectations tried out one after the other.
asset = source.add_table_asset("rides", table_name="rides")
whole = asset.add_batch_definition_whole_table("all rides")
batch = whole.get_batch()
print(batch.head())
print(batch.validate(gxe.ExpectColumnValuesToBeBetween(column="passenger_count", min_value=1, max_value=6)).success)
print(batch.validate(gxe.ExpectColumnValuesToBeBetween(column="fare_amount", min_value=0)).success)

# A suite for the rides, checked month by month.
rides = context.suites.add(gx.ExpectationSuite("rides"))
for expectation in (
    gxe.ExpectTableRowCountToBeBetween(min_value=1000, max_value=100000),
    gxe.ExpectColumnValuesToNotBeNull(column="vendor_id"),
    gxe.ExpectColumnValuesToNotBeNull(column="passenger_count", mostly=0.99),
    gxe.ExpectColumnValuesToBeUnique(column="id"),
    gxe.ExpectColumnValuesToBeInSet(column="payment_type", value_set=["card", "cash", "none"]),
    gxe.ExpectColumnDistinctValuesToBeInSet(column="vendor_id", value_set=[1, 2]),
    gxe.ExpectColumnValuesToBeBetween(column="passenger_count", min_value=1, max_value=6),
    gxe.ExpectColumnValuesToBeBetween(column="trip_distance", min_value=0, max_value=100),
    gxe.ExpectColumnMeanToBeBetween(column="trip_distance", min_value=2, max_value=20),
    gxe.ExpectColumnMaxToBeBetween(column="fare_amount", min_value=20, max_value=200),
    gxe.ExpectColumnMinToBeBetween(column="fare_amount", min_value=0, max_value=10),
    gxe.ExpectColumnStdevToBeBetween(column="fare_amount", min_value=1, max_value=50),
    gxe.ExpectColumnMedianToBeBetween(column="fare_amount", min_value=5, max_value=60),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="dropoff_datetime", column_B="pickup_datetime"),
    gxe.ExpectColumnValuesToBeOfType(column="payment_type", type_="TEXT"),
    gxe.ExpectTableColumnCountToEqual(value=12),
):
    rides.add_expectation(expectation)
monthly = asset.add_batch_definition_monthly("monthly", column="pickup_datetime")
by_month = context.validation_definitions.add(gx.ValidationDefinition(name="rides by month", data=monthly, suite=rides))

# A suite for the drivers, and one for what a query answers.
people = context.suites.add(gx.ExpectationSuite("drivers"))
people.add_expectation(gxe.ExpectColumnValuesToMatchRegex(column="email", regex="^[^@]+@[^@]+$"))
people.add_expectation(gxe.ExpectColumnValueLengthsToBeBetween(column="name", min_value=3, max_value=60))
people.add_expectation(gxe.ExpectColumnValuesToBeUnique(column="email"))
people.add_expectation(gxe.ExpectColumnValuesToNotBeNull(column="hired"))
drivers = source.add_table_asset("drivers", table_name="drivers").add_batch_definition_whole_table("all drivers")
by_driver = context.validation_definitions.add(gx.ValidationDefinition(name="drivers", data=drivers, suite=people))
totals = context.suites.add(gx.ExpectationSuite("totals"))
totals.add_expectation(gxe.ExpectColumnValuesToBeBetween(column="rides", min_value=1, max_value=1000))
totals.add_expectation(gxe.ExpectColumnSumToBeBetween(column="earned", min_value=1000))
query = source.add_query_asset("totals", query="SELECT driver_id, count(*) AS rides, sum(total_amount) AS earned FROM rides GROUP BY driver_id")
by_total = context.validation_definitions.add(gx.ValidationDefinition(name="totals", data=query.add_batch_definition_whole_table("all"), suite=totals))

months = context.checkpoints.add(gx.Checkpoint(
    name="months", validation_definitions=[by_month], result_format="SUMMARY", actions=[gx.checkpoint.UpdateDataDocsAction(name="docs")]))
for month in ("01", "02", "03"):
    print(month, months.run(batch_parameters={"year": 2019, "month": int(month)}).success)
daily = context.checkpoints.add(gx.Checkpoint(
    name="daily", validation_definitions=[by_driver, by_total], result_format="COMPLETE", actions=[gx.checkpoint.UpdateDataDocsAction(name="docs")]))
for day in range(4):
    print(day, daily.run().success)
