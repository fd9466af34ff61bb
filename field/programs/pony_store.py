"""The shop of Pony's examples behind Flask, with its entities as they are, in PostgreSQL: pony_store.py DATABASE-PORT PORT"""

import random
import sys
from datetime import datetime, timedelta
from decimal import Decimal

from flask import Flask, abort, jsonify, render_template_string, request
from pony.flask import Pony
from pony.orm import Database, Optional, PrimaryKey, Required, Set, commit, count, db_session, desc, select
from pony.orm import sum as total

db = Database()


class Customer(db.Entity):
    email = Required(str, unique=True)
    password = Required(str)
    name = Required(str)
    country = Required(str)
    address = Required(str)
    cart_items = Set("CartItem")
    orders = Set("Order")


class Product(db.Entity):
    id = PrimaryKey(int, auto=True)
    name = Required(str)
    categories = Set("Category")
    description = Optional(str)
    price = Required(Decimal)
    quantity = Required(int)
    cart_items = Set("CartItem")
    order_items = Set("OrderItem")


class CartItem(db.Entity):
    quantity = Required(int)
    customer = Required(Customer)
    product = Required(Product)


class OrderItem(db.Entity):
    quantity = Required(int)
    price = Required(Decimal)
    order = Required("Order")
    product = Required(Product)
    PrimaryKey(order, product)


class Order(db.Entity):
    id = PrimaryKey(int, auto=True)
    state = Required(str)
    date_created = Required(datetime)
    date_shipped = Optional(datetime)
    total_price = Required(Decimal)
    customer = Required(Customer)
    items = Set(OrderItem)


class Category(db.Entity):
    name = Required(str, unique=True)
    products = Set(Product)


db.bind(provider="postgres", user="field", host="127.0.0.1", port=int(sys.argv[1]), database="field")
db.generate_mapping(create_tables=True)


@db_session
def fill():
    drawn = random.Random(3)
    categories = [Category(name=f"Category {number}") for number in range(8)]
    products = [Product(name=f"Product {number}", price=Decimal(5 + number % 40), quantity=100, categories=drawn.sample(categories, 2)) for number in range(120)]
    for number in range(30):
        customer = Customer(email=f"c{number}@example.com", password="***", name=f"Customer {number}", country=["USA", "China", "Spain"][number % 3], address=f"Street {number}")
        for _ in range(3):
            order = Order(state="CREATED", date_created=datetime(2026, 1, 1) + timedelta(days=drawn.randint(0, 200)), total_price=Decimal(0), customer=customer)
            for product in drawn.sample(products, drawn.randint(2, 5)):
                OrderItem(order=order, product=product, price=product.price, quantity=1)
                order.total_price += product.price
        for product in drawn.sample(products, 2):
            CartItem(customer=customer, product=product, quantity=1)


fill()
app = Flask(__name__)
Pony(app)


@app.get("/products")
def products():
    page = select(p for p in Product).order_by(Product.name).page(int(request.args.get("page", 1)), 20)
    return render_template_string("<ul>{% for p in products %}<li>{{ p.name }} {{ p.price }} ({% for c in p.categories %}{{ c.name }} {% endfor %})</li>{% endfor %}</ul>", products=page)


@app.get("/products/<int:number>")
def product(number):
    found = Product.get(id=number) or abort(404)
    return jsonify(name=found.name, price=str(found.price), categories=[c.name for c in found.categories], sold=total(i.quantity for i in found.order_items))


@app.get("/customers")
def customers():
    return render_template_string("<ul>{% for c in customers %}<li>{{ c.name }} {{ c.orders.count() }}</li>{% endfor %}</ul>", customers=Customer.select().order_by(Customer.name)[:20])


@app.get("/customers/<int:number>")
def customer(number):
    found = Customer.get(id=number) or abort(404)
    return jsonify(name=found.name, cart=[i.product.name for i in found.cart_items], orders=[
        {"id": o.id, "total": str(o.total_price), "items": [{"product": i.product.name, "price": str(i.price)} for i in o.items]} for o in found.orders.order_by(lambda o: desc(o.date_created))])


@app.get("/report")
def report():
    best = select((p.name, total(p.order_items.quantity)) for p in Product).order_by(-2)[:10]
    countries = select((c.country, count(c.orders)) for c in Customer)[:]
    rich = select(c.name for c in Customer if total(c.orders.total_price) > 100)[:10]
    return jsonify(best=[list(row) for row in best], countries=[list(row) for row in countries], rich=list(rich))


@app.get("/orders")
def orders():
    found = select(o for o in Order if o.state == request.args.get("state", "CREATED")).order_by(desc(Order.date_created))[:20]
    return render_template_string("{% for o in orders %}<p>{{ o.id }} {{ o.customer.name }}: {% for i in o.items %}{{ i.product.name }}, {% endfor %}</p>{% endfor %}", orders=found)


@app.post("/customers/<int:number>/cart")
def add(number):
    found = CartItem.get(customer=Customer[number], product=Product[request.json["product"]])
    if found:
        found.quantity += 1
    else:
        CartItem(customer=Customer[number], product=Product[request.json["product"]], quantity=1)
    commit()
    return jsonify(ok=True)


@app.post("/customers/<int:number>/checkout")
def checkout(number):
    found = Customer[number]
    order = Order(state="CREATED", date_created=datetime.now(), total_price=Decimal(0), customer=found)
    for item in list(found.cart_items):
        item.product.quantity -= item.quantity
        OrderItem(order=order, product=item.product, price=item.product.price, quantity=item.quantity)
        order.total_price += item.product.price * item.quantity
        item.delete()
    commit()
    return jsonify(order=order.id)


app.run(port=int(sys.argv[2]))
