"""A day at the helpdesk: customers write and look, the staff lists, answers and moves tickets, another program uses the API."""

import base64
import json
import re
import sys

from browser import Browser

base = sys.argv[1]
customer = Browser(base)
for number in range(10):
    customer.get("/")
    customer.get(f"/kb/topic-{number % 4}/")
    customer.submit("/tickets/submit/", "submitter_email", queue=number % 4 + 1, title=f"New {number}", body="It does not start. " * 10, priority=3,
                    submitter_email=f"customer{number}@example.com")

staff = Browser(base)
staff.submit("/login/", "password", username="staff1", password="secret")
table = "&".join(["draw=1&start=0&length=25&search[value]=&search[regex]=false&order[0][column]=0&order[0][dir]=desc"]
                 + [f"columns[{n}][data]={name}&columns[{n}][searchable]=true&columns[{n}][orderable]=true" for n, name in enumerate(
                     ["id", "title", "priority", "queue", "status", "created", "due_date", "assigned_to", "submitter", "time_spent", "kbitem"])])
for number in range(10):
    staff.get("/dashboard/")
    page = staff.get(("/tickets/", "/tickets/?status=1&status=2", "/tickets/?queue=2", "/tickets/?q=fine")[number % 4])
    found = re.search(r"/datatables_ticket_list/([A-Za-z0-9+/=]*)", page)
    if found:
        staff.get(f"/datatables_ticket_list/{found[1]}?{table}")
        staff.get(f"/datatables_ticket_list/{found[1]}?{table.replace('start=0', 'start=25')}")
        staff.get(f"/timeline_ticket_list/{found[1]}")
    for ticket in range(number * 6 + 1, number * 6 + 4):
        text, url = staff.ask(f"/tickets/{ticket}/")
        staff.send(text, url, "comment", comment=f"Please try again; compare #{ticket + 1}.", public="1", new_status=(1, 3)[ticket % 2])
    staff.submit(f"/tickets/{number + 20}/edit/", "title", priority=2)
    staff.get("/kanban/")
    staff.get("/reports/")
    for report in ("userpriority", "userqueue", "userstatus", "queuepriority", "daysuntilticketclosedbymonth")[:number // 2 + 1]:
        staff.get(f"/reports/{report}/")
    staff.submit("/tickets/submit/", "title", queue=number % 4 + 1, title=f"By phone {number}", body="Called us.", priority=2, submitter_email="phone@example.com")

login = base64.b64encode(b"staff2:secret").decode()
program = Browser(base, headers=[("Authorization", f"Basic {login}")])
for number in range(8):
    program.get(f"/api/tickets/?page={number % 3 + 1}&page_size=25")
    program.get(f"/api/tickets/{number + 1}/")
    body = {"queue": number % 4 + 1, "title": f"Alarm {number}", "description": "A disk is full.", "priority": 1, "submitter_email": "monitor@example.com"}
    program.ask("/api/tickets/", json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    program.get("/api/user_tickets/")
    program.get("/api/followups/")
