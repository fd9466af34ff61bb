"""Visitors of copyparty: folders as JSON, searches, uploads, moves and deletions by its API. copyparty_day.py URL"""

import sys
import time

from any_day import Asker

ask = Asker(sys.argv[1]).ask
time.sleep(5)
for turn in range(10):
    ask("GET", "/?ls")
    ask("GET", "/more/?ls")
    ask("GET", "/more/?ls=t")
    ask("GET", "/?h")
    for n in range(5):
        ask("PUT", f"/up{turn}-{n}.txt", f"upload {turn} {n}\n".encode() * 50)
        ask("GET", f"/more/{1 + turn * 5 + n}.txt")
    ask("POST", "/?srch", {"q": f"name like *{turn}*"})
    ask("POST", "/?srch", {"q": "size > 100 and name like *.txt"})
    ask("POST", f"/up{turn}-0.txt?move=/more/moved{turn}.txt", b"")
    ask("POST", f"/up{turn}-1.txt?delete", b"")
    ask("GET", "/?ups")
    ask("GET", "/?tree=")
