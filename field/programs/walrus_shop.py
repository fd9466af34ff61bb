"""What the readmes show of Walrus, limits and dogpile.cache on Redis: walrus_shop.py walrus|limits|dogpile REDIS-PORT"""

import sqlite3
import sys
import time

kind, port = sys.argv[1], int(sys.argv[2])


def walrus():
    from walrus import Database, Model, TextField, IntegerField

    db = Database(host="127.0.0.1", port=port, db=0)

    class Item(Model):
        __database__ = db
        name = TextField(primary_key=True)
        kind = TextField(index=True)
        price = IntegerField(index=True)

    for n in range(40):
        Item.create(name=f"item{n}", kind=f"kind{n % 4}", price=n)
    for item in Item.query(Item.kind == "kind2"):
        print(item.name, item.price)
    print(Item.get(Item.price == 7).name)
    cart = db.Hash("cart:ann")
    cart.update(item1=2, item5=1)
    print({name: Item.load(name.decode()).price for name in cart.keys()})
    recent = db.List("recent")
    recent.extend([f"item{n}" for n in range(5)])
    print(list(recent), len(db.ZSet("scores")))
    with db.lock("stock"):
        cart.incr("item1")
    completer = db.autocomplete()
    for n in range(12):
        completer.store(n, f"amber lamp {n}")
    print(len(list(completer.search("amb"))))
    try:
        Item.load("item99")
    except KeyError as error:
        print("no item", error)


def limits():
    from limits import parse, storage, strategies

    moving = strategies.MovingWindowRateLimiter(storage.storage_from_string(f"redis://127.0.0.1:{port}"))
    fixed = strategies.FixedWindowRateLimiter(storage.storage_from_string(f"redis://127.0.0.1:{port}"))
    few, many = parse("5/second"), parse("100/minute")
    for n in range(60):
        user = f"user{n % 6}"
        allowed = moving.hit(few, "api", user) and fixed.hit(many, "api", user)
        if not allowed:
            print(user, moving.get_window_stats(few, "api", user).remaining)
        time.sleep(0.01)


def dogpile():
    from dogpile.cache import make_region

    region = make_region().configure("dogpile.cache.redis", expiration_time=2, arguments={"host": "127.0.0.1", "port": port, "distributed_lock": True})
    db = sqlite3.connect("cached.db")
    db.executescript("DROP TABLE IF EXISTS people; CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)")
    db.executemany("INSERT INTO people (name) VALUES (?)", [(f"Person {n}",) for n in range(50)])

    @region.cache_on_arguments()
    def person(number):
        return db.execute("SELECT name FROM people WHERE id = ?", (number,)).fetchone()[0]

    @region.cache_multi_on_arguments()
    def people(*numbers):
        return [db.execute("SELECT name FROM people WHERE id = ?", (number,)).fetchone()[0] for number in numbers]

    for n in range(80):
        person(1 + n * 7 % 20)
        if n % 20 == 10:
            print(people(*range(1 + n % 30, 11 + n % 30)))
            db.execute("UPDATE people SET name = name || ' II' WHERE id = 3")
            person.invalidate(3)
        time.sleep(0.05)


{"walrus": walrus, "limits": limits, "dogpile": dogpile}[kind]()
