"""Writers of a wikmd: pages made, edited, searched, listed. wikmd_day.py URL"""

import sys
import urllib.parse

from any_day import Asker

asker = Asker(sys.argv[1])
for n in range(20):
    asker.ask("POST", "/add_new", [("PN", f"folder{n % 4}/page{n}"), ("CT", f"# Page {n}\n\nWords of it, see [another](/folder{(n + 1) % 4}/page{n + 1}).\n" * 5)])
for turn in range(6):
    asker.ask("GET", "/")
    asker.ask("GET", "/list/")
    asker.ask("GET", f"/list/folder{turn % 4}/")
    asker.ask("GET", "/search?" + urllib.parse.urlencode({"q": "words"}))
    asker.ask("GET", "/knowledge-graph")
    for n in range(turn, 20, 6):
        asker.ask("GET", f"/folder{n % 4}/page{n}")
        asker.ask("GET", f"/edit/folder{n % 4}/page{n}")
        asker.ask("POST", f"/edit/folder{n % 4}/page{n}", [("PN", f"folder{n % 4}/page{n}"), ("CT", f"# Page {n}\n\nChanged in turn {turn}.\n")])
    asker.ask("GET", f"/missing{turn}")
