"""Writes a small site of 60 pages that refer to each other, two of them to a page that was taken away. link_site.py FOLDER"""

import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(exist_ok=True)
for n in range(60):
    links = {(n * 2 + 1) % 60, (n * 2 + 2) % 60, (n + 1) % 60} | ({99} if n in (20, 41) else set())
    text = "".join(f'<li><a href="page{k}.html">Page {k}</a></li>' for k in sorted(links))
    page = f'<html><head><title>Page {n}</title></head><body><h1>Page {n}</h1><ul>{text}</ul><form action="/orders" method="post"><input name="user" value="3"><input name="count" value="{n}"></form></body></html>'
    (folder / f"page{n}.html").write_text(page)
(folder / "index.html").write_text('<html><body><a href="page0.html">Start</a></body></html>')
