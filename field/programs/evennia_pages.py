"""The game's pages: a player reads help and characters and makes a new one, the superuser its administration and its API."""

import re
import sys

from browser import Browser

base = sys.argv[1]
player = Browser(base)
player.get("/")
player.submit("/auth/login/", "username", username="ben", password="secret-words1")
topics = list(dict.fromkeys(re.findall(r'href="(/help/[^"/]+/[^"/]+/)"', player.get("/help/"))))
for topic in topics[::4][:20]:
    player.get(topic)
for number in range(4):
    player.get("/characters/")
    player.submit("/characters/create/", "db_key", db_key=f"Knight {'ABCD'[number]}", desc="Tall and quiet.")
    for page in re.findall(r'href="(/characters/(?:detail|puppet|update)/[^"]+)"', player.get("/characters/manage/"))[:4]:
        player.get(page)
    player.get("/channels/")
    player.get("/webclient/")

chief = Browser(base)
chief.submit("/auth/login/", "username", username="ann", password="secret-words1")
for part in ("", "objects/objectdb/", "accounts/accountdb/", "scripts/scriptdb/", "comms/channeldb/", "help/helpentry/", "comms/msg/", "server/serverconfig/"):
    chief.get(f"/admin/{part}")
for page in range(1, 4):
    listed = re.findall(r'href="(/admin/objects/objectdb/\d+/change/[^"]*)"', chief.get(f"/admin/objects/objectdb/?p={page}"))
    for one in listed[:4]:
        chief.get(one.replace("&amp;", "&"))
chief.get("/admin/objects/objectdb/?q=house")
for kind in ("objects", "characters", "rooms", "exits", "accounts", "scripts", "helpentries"):
    for page in range(2):
        text = chief.get(f"/api/{kind}/?limit=25&offset={page * 25}&format=json")
    for one in re.findall(r'"id":\s*(\d+)', text)[:4]:
        chief.get(f"/api/{kind}/{one}/?format=json")
