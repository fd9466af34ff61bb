"""Fills in forms and follows links as MechanicalSoup's tutorial does: soup_orders.py URL SHOP"""

import sys

import mechanicalsoup

browser = mechanicalsoup.StatefulBrowser(user_agent="orders", raise_on_404=True)
browser.open(sys.argv[1] + "/page0.html")
for number in range(8):
    links = browser.links()
    browser.follow_link(links[number % len(links)])
    print(browser.page.title.text, browser.url)
    browser.select_form("form")
    browser["count"] = str(number + 1)
    browser.form.form["action"] = sys.argv[2] + "/orders"
    answer = browser.submit(browser.form, browser.url)
    print(answer.status_code)
try:
    browser.open(sys.argv[1] + "/page99.html")
except mechanicalsoup.LinkNotFoundError:
    print("page 99 was taken away")
