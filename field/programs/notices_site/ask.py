"""Members log in, look at what is new, at the list, the number that a page polls, read some, and reply."""

import json
import os
import random
import re
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

drawn = random.Random(8)
for number in range(12):
    member = Browser(sys.argv[1])
    member.submit("/admin/login/?next=/inbox/notifications/unread/", "password", username=f"member{number}", password="secret")
    for _ in range(3):
        member.get("/inbox/notifications/api/unread_count/")
    listed = json.loads(member.get("/inbox/notifications/api/unread_list/?max=20"))["unread_list"]
    member.get("/inbox/notifications/api/all_list/?max=40")
    for one in listed[:3]:
        member.get(f"/inbox/notifications/mark-as-read/{one['slug']}/?next=/inbox/notifications/")
    member.get("/inbox/notifications/")
    member.get("/inbox/notifications/?page=2")
    for _ in range(2):
        member.ask(f"/topics/{drawn.randint(1, 25)}/replies/", json.dumps({"text": "I see it in another way."}).encode(), headers={"Content-Type": "application/json"})
    if number % 4 == 0:
        member.get("/inbox/notifications/mark-all-as-read/")
