"""A bookkeeper looks at dashboards, statements, lists and what is in them: ledger_day.py URL"""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

person = Browser(sys.argv[1])
person.submit("/ledger/auth/login/", "password", username="ann", password="secret")
slug = re.search(r"/ledger/entity/([^/]+)/dashboard/", person.get("/ledger/home/my-dashboard/")).group(1)
pages = [f"/ledger/entity/{slug}/dashboard/"] + [f"/ledger/{part.format(slug)}" for part in (
    "financial-statement/entity/{}/balance-sheet/", "financial-statement/entity/{}/income-statement/", "financial-statement/entity/{}/cash-flow-statement/",
    "bill/{}/latest/", "invoice/{}/lastest/", "purchase_order/{}/latest/", "customer-job/{}/list/", "customer/{}/list/", "vendor/{}/list/",
    "ledger/{}/list/visible/", "chart-of-accounts/{}/list/", "item/{}/list/inventory/", "item/{}/product/list/", "inventory/{}/list/", "bank-account/{}/list/",
    "item/{}/expense/list/", "unit/{}/unit/list/")]
pages += ["/admin/django_ledger/entitymodel/", "/admin/django_ledger/ledgermodel/", "/admin/django_ledger/accountmodel/"]
subprocess.run([sys.executable, os.environ["PROGRAMS"] + "/look_around.py", sys.argv[1], "--login", "/ledger/auth/login/", "--rounds", "4", *pages], check=False)
