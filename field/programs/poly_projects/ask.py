"""A program asks for projects; a keeper looks through the administration and changes projects: ask.py URL"""

import os
import subprocess
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

program, keeper = Browser(sys.argv[1]), Browser(sys.argv[1])
keeper.submit("/admin/login/", "password", username="ann", password="secret")
for number in range(10):
    program.get("/projects/")
    program.get("/projects/?research")
    program.get("/places/")
    for one in range(number * 4 + 1, number * 4 + 4):
        program.get(f"/projects/{one}/")
    keeper.submit(f"/admin/poly_projects/project/{number * 3 + 1}/change/", "topic", topic=f"Changed {number}")
pages = ["/admin/poly_projects/project/", "/admin/poly_projects/task/", "/admin/poly_projects/project/?p=1"]
subprocess.run([sys.executable, os.environ["PROGRAMS"] + "/look_around.py", sys.argv[1], "--login", "/admin/login/", "--rounds", "5", *pages], check=False)
