"""An afternoon in a laboratory: sessions made over oTree's API, people who play them, and an experimenter who watches and takes the data.

otree_lab.py ADDRESS
"""

import json
import re
import sys
import time

from browser import Browser

base = sys.argv[1]
lab = Browser(base)


def send(path, body):
    return json.loads(lab.ask(path, json.dumps(body).encode(), headers={"Content-Type": "application/json"})[0])


class Person:
    def __init__(self, number, code):
        self.number, self.browser, self.turns = number, Browser(base, pause=0.02), 0
        self.page, self.url = self.browser.ask(f"/InitializeParticipant/{code}")
        self.is_done = False

    def play(self):
        """Answers the page, or asks again where others are waited for."""
        self.turns += 1
        answers = {"name": f"Person {self.number}", "age": 20 + self.number, "crt_bat": 1, "contribution": 100 * (self.number % 8), "sent_amount": self.number % 10,
                   "sent_back_amount": 0}
        asked = {name: value for name, value in answers.items() if f'name="{name}"' in self.page}
        if asked or "otree-btn-next" in self.page:
            self.page, self.url = self.browser.ask(self.url, "&".join(f"{name}={value}" for name, value in asked.items()).encode())
        else:
            self.is_done = "OutOfRange" in self.url or ("wait-page" not in self.page and "otree-wait" not in self.page)
            self.page, self.url = self.browser.ask(self.url)


for game, people in (("public_goods", 18), ("trust", 16), ("survey", 20), ("public_goods", 12)):
    lab.get("/demo")
    lab.get("/create_session")
    code = send("/api/sessions", {"session_config_name": game, "num_participants": people})["code"]
    found = send(f"/api/get_session/{code}", {})
    players = [Person(number, one["code"]) for number, one in enumerate(found["participants"])]
    for turn in range(40):
        for player in players:
            if not player.is_done and turn < 40:
                player.play()
        if turn % 4 == 0:
            lab.get(f"/SessionMonitor/{code}")
            lab.get(f"/session_data/{code}")
        if all(player.is_done for player in players):
            break
        time.sleep(0.3)
    print(game, code, turn, "turns", sum(player.is_done for player in players), "done", players[0].url)
    for page in ("SessionDescription", "SessionStartLinks", "SessionPayments", "SessionData"):
        lab.get(f"/{page}/{code}")
    send(f"/api/get_session/{code}", {})
lab.get("/sessions")
lab.get("/rooms")
lab.get("/ExportIndex")
lab.get("/api/export_wide")
for app in ("public_goods", "trust", "survey"):
    lab.get(f"/api/export_app?app={app}")
lab.get("/api/export_page_times")
