"""A small shop that Flask-MonitoringDashboard watches, both in PostgreSQL: monitored_shop.py DATABASE-PORT PORT"""

import random
import sys

import flask_monitoringdashboard as dashboard
from flask import Flask, jsonify, request, session
from sqlalchemy import create_engine, text

url = f"postgresql+psycopg2://field@127.0.0.1:{sys.argv[1]}/field"
engine = create_engine(url)
app = Flask(__name__)
app.secret_key = "shop"
dashboard.config.database_name = url
dashboard.config.version = "1.2"
dashboard.config.group_by = lambda: session.get("person", "nobody")
dashboard.config.monitor_level = 3
dashboard.config.sampling_period = 0.02
dashboard.config.security_token = "token"


@app.get("/products")
def products():
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, name, price FROM products ORDER BY id LIMIT 20 OFFSET :offset"), {"offset": request.args.get("page", 0, int) * 20}).all()
    return jsonify([dict(row._mapping) for row in rows])


@app.get("/products/<int:number>")
def product(number):
    with engine.connect() as connection:
        row = connection.execute(text("SELECT id, name, price FROM products WHERE id = :id"), {"id": number}).first()
    return (jsonify(dict(row._mapping)), 200) if row else ("", 404)


@app.get("/search")
def search():
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, name FROM products WHERE name LIKE :words LIMIT 20"), {"words": f"%{request.args['q']}%"}).all()
    return jsonify([dict(row._mapping) for row in rows])


@app.post("/orders")
def order():
    asked = request.get_json()
    with engine.begin() as connection:
        made = connection.execute(text("INSERT INTO orders (person) VALUES (:person) RETURNING id"), {"person": session.get("person", "nobody")}).scalar()
        connection.execute(text("INSERT INTO lines (order_id, product_id) VALUES (:order, :product)"), [{"order": made, "product": one} for one in asked["products"]])
    return jsonify({"id": made}), 201


@app.get("/prices")
def prices():
    numbers = [random.random() for _ in range(60000)]
    return jsonify({"mean": sum(sorted(numbers)) / len(numbers)})


@app.post("/login/<person>")
def login(person):
    session["person"] = person
    return ""


def orders_of_today():
    with engine.connect() as connection:
        return float(connection.execute(text("SELECT count(*) FROM orders")).scalar())


with engine.begin() as connection:
    connection.execute(text("CREATE TABLE products AS SELECT n AS id, 'Product ' || n AS name, n % 50 + 3 AS price FROM generate_series(1, 200) n"))
    connection.execute(text("CREATE TABLE orders (id serial PRIMARY KEY, person text)"))
    connection.execute(text("CREATE TABLE lines (id serial PRIMARY KEY, order_id integer, product_id integer)"))
dashboard.bind(app)
dashboard.add_graph("Orders", orders_of_today, "interval", seconds=10)
app.run(port=int(sys.argv[2]), threaded=True)
