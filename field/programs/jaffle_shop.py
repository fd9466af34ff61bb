"""Writes the project of dbt's tutorial, the jaffle shop, into the current folder: seeds, staged models, marts, tests.

    jaffle_shop.py PORT     the port of the database that the profile names
"""

import csv
import datetime
import pathlib
import random
import sys

drawn = random.Random(7)
names = ["Michael", "Shawn", "Kathleen", "Jimmy", "Katherine", "Sarah", "Martin", "Frank", "Jennifer", "Henry", "Fred", "Amy"]
first = datetime.date(2024, 1, 1)


def day(number):
    return (first + datetime.timedelta(days=number)).isoformat()


def put(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.strip() + "\n")


def seed(name, head, rows):
    path = pathlib.Path("seeds", name + ".csv")
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


orders = [(n, drawn.randint(1, 100), day(n // 2), drawn.choice(["completed"] * 6 + ["placed", "shipped", "returned", "return_pending"]))
          for n in range(1, 400)]
payments = [(n, drawn.choice(orders)[0] if n > len(orders) else n, drawn.choice(["credit_card", "bank_transfer", "coupon", "gift_card"]),
             drawn.randrange(0, 3100, 100)) for n in range(1, 460)]
seed("raw_customers", ["id", "first_name", "last_name"], [(n, drawn.choice(names), chr(64 + n % 26 + 1) + ".") for n in range(1, 101)])
seed("raw_orders", ["id", "user_id", "order_date", "status"], orders)
seed("raw_payments", ["id", "order_id", "payment_method", "amount"], payments)

put("profiles.yml", f"""
jaffle_shop:
  target: dev
  outputs:
    dev: {{type: postgres, host: 127.0.0.1, port: {sys.argv[1]}, user: field, password: none, dbname: field, schema: jaffle_shop, threads: 4}}
""")
put("dbt_project.yml", """
name: jaffle_shop
version: "1.0"
config-version: 2
profile: jaffle_shop
flags: {send_anonymous_usage_stats: false}
models:
  jaffle_shop:
    +materialized: table
    staging: {+materialized: view}
""")
put("models/staging/stg_customers.sql", """
with source as (select * from {{ ref('raw_customers') }})
select id as customer_id, first_name, last_name from source
""")
put("models/staging/stg_orders.sql", """
with source as (select * from {{ ref('raw_orders') }})
select id as order_id, user_id as customer_id, order_date, status from source
""")
put("models/staging/stg_payments.sql", """
with source as (select * from {{ ref('raw_payments') }})
select id as payment_id, order_id, payment_method, amount / 100 as amount from source
""")
put("models/customers.sql", """
with customer_orders as (
    select customer_id, min(order_date) as first_order, max(order_date) as most_recent_order, count(order_id) as number_of_orders
    from {{ ref('stg_orders') }} group by customer_id
),
customer_payments as (
    select orders.customer_id, sum(amount) as total_amount
    from {{ ref('stg_payments') }} payments left join {{ ref('stg_orders') }} orders on payments.order_id = orders.order_id
    group by orders.customer_id
)
select customers.customer_id, customers.first_name, customers.last_name, customer_orders.first_order,
    customer_orders.most_recent_order, customer_orders.number_of_orders, customer_payments.total_amount as customer_lifetime_value
from {{ ref('stg_customers') }} customers
left join customer_orders on customers.customer_id = customer_orders.customer_id
left join customer_payments on customers.customer_id = customer_payments.customer_id
""")
put("models/orders.sql", """
{% set payment_methods = ['credit_card', 'coupon', 'bank_transfer', 'gift_card'] %}
with order_payments as (
    select order_id,
    {% for payment_method in payment_methods %}
    sum(case when payment_method = '{{ payment_method }}' then amount else 0 end) as {{ payment_method }}_amount,
    {% endfor %}
    sum(amount) as total_amount
    from {{ ref('stg_payments') }} group by order_id
)
select orders.order_id, orders.customer_id, orders.order_date, orders.status,
    {% for payment_method in payment_methods %}
    order_payments.{{ payment_method }}_amount,
    {% endfor %}
    order_payments.total_amount as amount
from {{ ref('stg_orders') }} orders left join order_payments on orders.order_id = order_payments.order_id
""")
put("models/daily_orders.sql", """
{{ config(materialized='incremental', unique_key='order_date') }}
select order_date, count(*) as orders, sum(amount) as amount from {{ ref('orders') }}
{% if is_incremental() %}
where order_date >= (select max(order_date) from {{ this }})
{% endif %}
group by order_date
""")
put("models/schema.yml", """
version: 2
models:
  - name: customers
    description: This table has basic information about a customer
    columns:
      - {name: customer_id, description: the key, tests: [unique, not_null]}
  - name: orders
    description: This table has basic information about orders
    columns:
      - {name: order_id, tests: [unique, not_null]}
      - name: customer_id
        tests:
          - not_null
          - relationships: {to: ref('customers'), field: customer_id}
      - name: status
        tests:
          - accepted_values: {values: [placed, shipped, completed, return_pending, returned]}
      - {name: amount, tests: [not_null]}
      - {name: credit_card_amount, tests: [not_null]}
      - {name: coupon_amount, tests: [not_null]}
      - {name: bank_transfer_amount, tests: [not_null]}
      - {name: gift_card_amount, tests: [not_null]}
  - name: daily_orders
    columns:
      - {name: order_date, tests: [unique, not_null]}
""")
put("models/staging/schema.yml", """
version: 2
models:
  - name: stg_customers
    columns:
      - {name: customer_id, tests: [unique, not_null]}
  - name: stg_orders
    columns:
      - {name: order_id, tests: [unique, not_null]}
      - name: status
        tests:
          - accepted_values: {values: [placed, shipped, completed, return_pending, returned]}
  - name: stg_payments
    columns:
      - {name: payment_id, tests: [unique, not_null]}
      - name: payment_method
        tests:
          - accepted_values: {values: [credit_card, coupon, bank_transfer, gift_card]}
""")
put("snapshots/orders_snapshot.sql", """
{% snapshot orders_snapshot %}
{{ config(target_schema='snapshots', unique_key='id', strategy='check', check_cols=['status']) }}
select * from {{ ref('raw_orders') }}
{% endsnapshot %}
""")
