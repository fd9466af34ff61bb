"""Pastes in bepasty by its REST API: uploaded, listed, read, downloaded, locked, deleted. bepasty_day.py URL"""

import base64
import re
import sys

from any_day import Asker

asker = Asker(sys.argv[1])
ann = {"Authorization": "Basic " + base64.b64encode(b"x:ann").decode()}
made = []
for n in range(40):
    text = base64.b64encode(f"paste {n}\n".encode() * 60)
    asker.ask("POST", "/apis/rest/items", text, headers={**ann, "Content-Type": "text/plain", "Content-Filename": f"paste{n}.txt", "Content-Length": str(len(text)), "Maxlife-Unit": "days", "Maxlife-Value": "9"})
made = re.findall(r'"([A-Za-z0-9]{8})"\s*:', asker.ask("GET", "/apis/rest/items", headers=ann))
print(len(made), "pastes")
asker.ask("POST", "/+login", [("token", "ann")])
for turn in range(10):
    asker.ask("GET", "/")
    asker.ask("GET", "/+list")
    asker.ask("GET", "/apis/rest")
    asker.ask("GET", "/apis/rest/items", headers=ann)
    for name in made[turn * 3:turn * 3 + 3]:
        for path in (f"/{name}", f"/{name}/+inline", f"/{name}/+download", f"/{name}/+delete_is_get"):
            asker.ask("GET", path)
        asker.ask("GET", f"/apis/rest/items/{name}", headers=ann)
        asker.ask("GET", f"/apis/rest/items/{name}/download", headers=ann)
    if turn < len(made):
        asker.ask("POST", f"/apis/rest/items/{made[turn]}/lock", b"", headers=ann)
        asker.ask("POST", f"/apis/rest/items/{made[turn]}/unlock", b"", headers=ann)
        asker.ask("POST", f"/apis/rest/items/{made[-1 - turn]}/delete", b"", headers=ann)
    asker.ask("POST", "/+upload", [("text", f"Text {turn}"), ("filename", f"form{turn}.txt"), ("contenttype", "text/plain"), ("maxlife-unit", "days"), ("maxlife-value", "1")])
