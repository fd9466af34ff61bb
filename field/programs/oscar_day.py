"""A day in the shop: customers look around, buy, review and keep lists; the staff looks at orders and stock."""

import re
import sys

from browser import Browser

base = sys.argv[1]
for number in range(8):
    person = Browser(base)
    person.get("/catalogue/")
    person.get(f"/catalogue/?page={number % 4 + 1}")
    person.get(f"/search/?q=number+{number}")
    person.submit("/accounts/login/", "login-username", **{"login-username": f"person{number}@example.com", "login-password": "secret-words", "login_submit": "Log In"})
    listed = re.findall(r'href="(/catalogue/[a-z0-9-]+_\d+/)"', person.get(f"/catalogue/?page={number % 4 + 1}"))
    products = list(dict.fromkeys(listed))[:6]
    for product in products:
        person.get(product)
    for product in products[:2 + number % 3]:
        text, url = person.ask(product)
        person.send(text, url, "quantity", quantity=number % 2 + 1)
    person.get("/basket/")
    if number % 3 == 0:
        person.submit("/basket/", "code", code="SPRING")
    person.submit(products[-1] + "reviews/add/", "score", score=4, title=f"Review {number}", body="Good to read. " * 6)
    person.submit("/accounts/wishlists/create/", "name", name=f"List {number}")
    text, url = person.ask(products[-1])
    person.send(text, url, "/wishlists/")
    person.get("/checkout/")
    person.submit("/checkout/shipping-address/", "line1", first_name="Ann", last_name=f"Person {number}", line1="1 Long Street", line4="London", postcode="N1 9GU", country="GB")
    person.get("/checkout/shipping-method/")
    person.get("/checkout/payment-method/")
    person.get("/checkout/payment-details/")
    text, url = person.ask("/checkout/preview/")
    text, url = person.send(text, url, "action")
    print("ordered:", url)
    for order in re.findall(r'href="/accounts/orders/(\d+)/"', person.get("/accounts/orders/"))[:1]:
        person.get(f"/accounts/orders/{order}/")
    for page in ("", "profile/", "addresses/", "emails/", "notifications/inbox/", "wishlists/"):
        person.get(f"/accounts/{page}")
    person.submit("/accounts/orders/", "order_number", order_number="1000")

staff = Browser(base)
staff.submit("/accounts/login/", "login-username", **{"login-username": "ann@example.com", "login-password": "secret", "login_submit": "Log In"})
for number in range(6):
    staff.get("/dashboard/")
    orders = list(dict.fromkeys(re.findall(r'href="/dashboard/orders/(\d+)/"', staff.get("/dashboard/orders/"))))
    order = orders[number % len(orders)]
    staff.get(f"/dashboard/orders/?order_number={order}")
    text, url = staff.ask(f"/dashboard/orders/{order}/")
    staff.send(text, url, "new_status", new_status="Being processed")
    staff.get("/dashboard/catalogue/")
    staff.get(f"/dashboard/catalogue/?title=number+{number}")
    staff.submit(f"/dashboard/catalogue/products/{number + 10}/", "title", title=f"Book number {number + 9}, revised")
    staff.get("/dashboard/users/")
    staff.get("/dashboard/reviews/")
    staff.get("/dashboard/reports/?report_type=order_report&date_from=2020-01-01")
    staff.get("/dashboard/offers/")
    staff.get("/dashboard/vouchers/stats/1/")
