"""Prints redis-cli lines that fill a store as a shop's application would: sessions, products, carts, orders, ranks, events."""

import json
import random

draw = random.Random(7)


def say(*words):
    print(" ".join(json.dumps(str(word)) for word in words))


for number in range(90):
    say("HSET", f"product:{number}", "name", f"Product {number}", "price", draw.randrange(3, 400), "stock", draw.randrange(60), "text", "Nice. " * 20)
    say("ZADD", "rank:sales", draw.randrange(900), f"product:{number}")
    say("SADD", f"tag:{('new', 'sale', 'kitchen', 'garden')[number % 4]}", number)
for number in range(60):
    user = draw.randrange(40)
    say("SETEX", f"session:{number:04}", 86400, json.dumps({"user": user, "csrf": draw.randrange(10**9), "seen": list(range(user))}))
    say("RPUSH", f"cart:{user}", draw.randrange(90))
for number in range(120):
    say("LPUSH", "orders:open", json.dumps({"id": number, "user": number % 40, "total": draw.randrange(10, 900)}))
    say("XADD", "events", "*", "kind", ("view", "order")[number % 2], "product", draw.randrange(90))
for number in range(50):
    say("SET", f"cache:page:{('shop', 'blog')[number % 2]}:{number}", f"<p>{'words ' * 80}</p>")
for day in range(1, 31):
    say("INCRBY", f"visits:2026:10:{day:02}", draw.randrange(2000))
