"""Readers use the blog; a developer looks at what Silk recorded of it: ask.py URL"""

import os
import subprocess
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

reader = Browser(sys.argv[1])
for number in range(15):
    reader.get("/posts/")
    for one in range(number * 3 + 1, number * 3 + 4):
        reader.get(f"/posts/{one}/")
    reader.get(f"/search/?q=words&page={number}")
pages = ["/silk/", "/silk/requests/", "/silk/requests/?view_style=card", "/silk/profiling/", "/silk/requests/?order_by=num_sql"]
subprocess.run([sys.executable, os.environ["PROGRAMS"] + "/look_around.py", sys.argv[1], "--rounds", "5", "--links", "4", *pages], check=False)
