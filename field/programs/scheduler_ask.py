"""A person looks at calendars by year, month, week and day, as lists for a script and as iCalendar, and makes and moves events."""

import json
import os
import re
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

person = Browser(sys.argv[1])
person.submit("/admin/login/", "password", username="ann", password="secret")
person.get("/schedule/")
for number in range(5):
    for slug in ("team", "family", "club"):
        for period in ("month", "week", "daily", "compact_month", "tri_month"):
            person.get(f"/schedule/calendar/{period}/{slug}/")
        person.get(f"/schedule/calendar/year/{slug}/" if number < 2 else f"/schedule/calendar/month/{slug}/?year=2026&month={number + 6}")
        person.get(f"/schedule/api/occurrences?calendar_slug={slug}&start=2026-11-0{number + 1}&end=2026-12-0{number + 1}&timezone=UTC")
        person.submit(f"/schedule/event/create/{slug}/", "title", title=f"New {number}", start_0="2026-11-2%d" % number, start_1="10:00", end_0="2026-11-2%d" % number, end_1="11:00")
    for event in range(number * 4 + 1, number * 4 + 4):
        person.get(f"/schedule/event/{event}/")
    person.get(f"/schedule/feed/calendar/upcoming/{number % 3 + 1}/")
    person.get(f"/schedule/ical/calendar/{number % 3 + 1}/")
