"""A day of sales: visitors buy in the shop, the till sells and checks in over the API, another program reads orders.

    pretix_day.py URL TOKEN
"""

import json
import re
import sys

from browser import Browser, Forms

base, token = sys.argv[1:]
till = Browser(base, headers=[("Authorization", f"Token {token}"), ("Content-Type", "application/json")])


def api(path, body=None, method=None):
    text = till.ask(f"/api/v1/organizers/fair/{path}", None if body is None else json.dumps(body).encode(), method, {"Content-Type": "application/json"})[0]
    try:
        return json.loads(text)
    except ValueError:
        return {}


items = {event: api(f"events/{event}/items/").get("results", []) for event in ("summer", "winter")}
for event in items:
    quotas = api(f"events/{event}/quotas/?with_availability=true")
    for number in range(30):
        chosen = [items[event][number % 4], items[event][4 + number % 2]][:1 + number % 2]
        order = api(f"events/{event}/orders/", {
            "email": f"guest{number}@example.com", "locale": "en", "payment_provider": "banktransfer", "status": "p" if number % 3 else "n",
            "positions": [{"item": item["id"], "attendee_name_parts": {"_scheme": "full", "full_name": f"Guest {number}.{n}"}} for n in range(1 + number % 3) for item in chosen]})
        if number % 5 == 0 and "code" in order:
            api(f"events/{event}/orders/{order['code']}/")
            if order["status"] == "n":
                api(f"events/{event}/orders/{order['code']}/mark_paid/", {})


def buy(number):
    event = ("summer", "winter")[number % 2]
    shop = Browser(base)
    text, url = shop.ask(f"/fair/{event}/")
    choice = {f"item_{items[event][number % 4]['id']}": "2", f"item_{items[event][4]['id']}": str(number % 2)}
    text, url = shop.submit(f"/fair/{event}/", "/cart/add", **choice)
    text, url = shop.ask(f"/fair/{event}/checkout/start")
    for _ in range(6):
        # The cart has a form of its own beside the step's.
        text = re.sub(r'<form[^>]*action="[^"]*cart/[^"]*".*?</form>', "", text, flags=re.S)
        parser = Forms()
        parser.feed(text)
        names = [name for form in parser.forms for name, _ in form["fields"]]
        fields = {name: f"Guest {number}" for name in names if name.endswith(("attendee_name_parts_0", "name_parts_0", "full_name"))}
        if any(name == "email" for name in names):
            fields |= {"email": f"buyer{number}@example.com"}
        if "/payment/" in url:
            fields |= {"payment": "banktransfer"}
        if "/checkout/" not in url:
            break
        step = url.split("/checkout/")[1].split("/")[0]
        text, url = shop.send(text, url, "csrfmiddlewaretoken", **fields)
        if "/checkout/" in url and url.split("/checkout/")[1].split("/")[0] == step:
            print("stays at", step, re.findall(r'has-error.{0,300}', text, re.S)[:1])
            break
    if "/order/" in url:
        shop.get(url)


for number in range(16):
    buy(number)
for event in items:
    found = api(f"events/{event}/orders/?page_size=50")
    for page in range(1, 3):
        api(f"events/{event}/orders/?status=p&page={page}")
    for path in ("orders/?search=Guest", "orderpositions/", "invoices/", "vouchers/", "quotas/?with_availability=true", "settings/", "questions/", "waitinglistentries/", "checkinlists/"):
        api(f"events/{event}/{path}")
    lists = api(f"events/{event}/checkinlists/")["results"]
    positions = api(f"events/{event}/checkinlists/{lists[0]['id']}/positions/").get("results", [])
    for position in positions[:20]:
        api("checkinrpc/redeem/", {"secret": position["secret"], "source_type": "barcode", "lists": [lists[0]["id"]], "force": False, "ignore_unpaid": False, "nonce": str(position["id"])})
    api(f"events/{event}/checkinlists/{lists[0]['id']}/status/")
    for order in found.get("results", [])[:10]:
        api(f"events/{event}/orders/{order['code']}/")
        api(f"events/{event}/orders/{order['code']}/payments/")
    if found.get("results"):
        api(f"events/{event}/orders/{found['results'][-1]['code']}/mark_canceled/", {"send_email": False})
