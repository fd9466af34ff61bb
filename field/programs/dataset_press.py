"""Collects a shop's rows with dataset, which makes the tables: dataset_press.py DATABASE-PORT URL"""

import sys

import dataset
import requests

db = dataset.connect(f"postgresql+psycopg://field@127.0.0.1:{sys.argv[1]}/field")
url = f"{sys.argv[2]}/products"
while url:
    answer = requests.get(url, timeout=10).json()
    for row in answer["items"]:
        db["products"].upsert(row, ["id"])
    url = answer["next"]
makers = requests.get(f"{sys.argv[2]}/makers", timeout=10).json()["items"]
db["makers"].upsert_many(makers, ["id"])
with db as tx:
    tx["orders"].delete()
    tx["orders"].insert_many(requests.get(f"{sys.argv[2]}/orders", timeout=10).json()["items"])
for maker in db["makers"].all(order_by="name"):
    cheapest = db["products"].find_one(maker=maker["id"], order_by="price")
    print(maker["name"], db["products"].count(maker=maker["id"]), cheapest and cheapest["name"])
for row in db.query("SELECT category, count(*) AS n, avg(price) AS mean FROM products GROUP BY category ORDER BY category"):
    print(row["category"], row["n"], round(row["mean"], 2))
