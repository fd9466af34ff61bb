"""Programs that ask a library over JSON:API: lists, single ones, what is related, and changes. json_api_readers.py URL BOOKS AUTHORS"""

import json
import os
import random
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

url, books, authors = sys.argv[1:]
drawn = random.Random(7)
reader = Browser(url, headers=[("Accept", "application/vnd.api+json")])
for number in range(12):
    reader.get(f"/api/{books}?page[size]=20&page[number]={number % 3 + 1}")
    reader.get(f"/api/{authors}?page[size]=15")
    reader.get(f"/api/{books}?include=author&page[size]=10")
    for _ in range(3):
        reader.get(f"/api/{books}/{drawn.randint(1, 60)}")
    reader.get(f"/api/{authors}/{drawn.randint(1, 15)}/books")
    if number % 4 == 0:
        kind = json.loads(reader.get(f"/api/{books}/1"))["data"]["type"]
        new = json.dumps({"data": {"type": kind, "attributes": {"title": f"New {number}", "pages": 9}}}).encode()
        reader.ask(f"/api/{books}", new, headers={"Content-Type": "application/vnd.api+json"})
print("asked")
