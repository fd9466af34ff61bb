"""The contacts example in a browser: lists that are sorted, searched and turned over, contacts that are added and changed, charts, users."""

import re
import sys

from browser import Browser

ann = Browser(sys.argv[1])
ann.submit("/login/", "password", username="ann", password="secret")
for number in range(8):
    ann.get("/")
    page = ann.get("/contactmodelview/list/")
    ann.get(f"/contactmodelview/list/?page_ContactModelView={number + 1}")
    ann.get(f"/contactmodelview/list/?psize_ContactModelView=50&_oc_ContactModelView=birthday&_od_ContactModelView={('asc', 'desc')[number % 2]}")
    ann.get(f"/contactmodelview/list/?_flt_0_name={'abcdefgh'[number]}&_flt_0_contact_group={number % 3 + 1}")
    for contact in re.findall(r"/contactmodelview/show/(\d+)", page)[number:number + 3]:
        ann.get(f"/contactmodelview/show/{contact}")
        ann.submit(f"/contactmodelview/edit/{contact}", "address", address=f"Street {number}")
    ann.submit("/contactmodelview/add", "address", name=f"New Person {number}", address="Street 1", birthday="1990-05-12", contact_group=number % 3 + 1, gender=number % 2 + 1)
    for group in range(1, 4):
        ann.get(f"/groupmodelview/show/{group}")
    ann.get("/groupmodelview/list/")
    ann.get("/contacttimechartview/chart/")
    ann.get("/users/list/")
    ann.get("/roles/list/")
    ann.submit("/users/add", "username", first_name="New", last_name=f"User {number}", username=f"user{number}", email=f"user{number}@example.com", active="y",
               roles="1", password="secret-words", conf_password="secret-words")
    ann.get("/permissionviews/list/")
