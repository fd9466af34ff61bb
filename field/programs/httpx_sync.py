"""A shop's orders with their products, by HTTPX's client and its asynchronous one: httpx_sync.py URL"""

import asyncio
import sys

import httpx

with httpx.Client(base_url=sys.argv[1], headers={"User-Agent": "orders"}) as client:
    users, url = [], "/users"
    while url:
        page = client.get(url).raise_for_status().json()
        users += page["items"]
        url = page["next"]
    for number in (57, 59):
        try:
            product = client.get(f"/products/{number}").raise_for_status().json()
            client.patch(f"/products/{number}", json={"price": product["price"] + 1})
        except httpx.HTTPStatusError as error:
            print(error.response.status_code, error.response.json()["error"])
    client.post("/orders", json={"user": 4, "product": 9, "count": 1})


async def totals():
    async with httpx.AsyncClient(base_url=sys.argv[1]) as client:
        orders = (await client.get("/orders")).json()["items"][:15]
        products = await asyncio.gather(*(client.get(f"/products/{order['product']}") for order in orders))
        return sum(order["count"] * product.json()["price"] for order, product in zip(orders, products))


print(len(users), asyncio.run(totals()))
