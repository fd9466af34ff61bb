"""A helpdesk enrols tokens for people of a passwd file, sets policies and looks at lists; programs check passwords: privacyidea_ask.py URL FILE"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
key = None


def ask(method, path, body=None):
    time.sleep(0.03)
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": key} if key else {})
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, headers, method=method), timeout=30) as answer:
            return json.loads(answer.read()).get("result", {}).get("value")
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:200])


key = ask("POST", "/auth", {"username": "ann", "password": "secret"})["token"]
ask("POST", "/resolver/people", {"type": "passwdresolver", "fileName": sys.argv[2]})
ask("POST", "/realm/field", {"resolvers": "people"})
ask("POST", "/defaultrealm/field", {})
for number, (scope, action) in enumerate((("authentication", "otppin=tokenpin"), ("enrollment", "max_token_per_user=10"), ("authorization", "no_detail_on_fail"), ("webui", "token_page_size=20"))):
    ask("POST", f"/policy/p{number}", {"scope": scope, "action": action, "realm": "field", "active": True})
ask("POST", "/event", {"name": "count", "event": ["validate_check"], "handlermodule": "Counter", "action": "increase_counter", "position": "post", "option.counter_name": "checks", "conditions": {}})
for number in range(40):
    ask("POST", "/token/init", {"type": "hotp" if number % 2 else "spass", "user": f"person{number % 25}", "realm": "field", "pin": "1234", "genkey": 1, "serial": f"T{number}"})
    if number % 5 == 0:
        ask("POST", "/tokengroup/g%d" % number, {"description": "A group"})
for turn in range(12):
    for person in range(turn, turn + 5):
        ask("POST", "/validate/check", {"user": f"person{person}", "realm": "field", "pass": "1234" if person % 2 == 0 else "1234000000"})
    ask("GET", f"/token/?page=1&pagesize=20")
    ask("GET", f"/token/?user=person{turn}&realm=field")
    ask("GET", f"/token/?serial=T{turn}")
    ask("GET", "/user/?realm=field")
    ask("GET", f"/user/?username=person{turn}&realm=field")
    ask("GET", "/audit/?page=1&page_size=20")
    ask("GET", "/realm/")
    ask("GET", "/resolver/")
    ask("GET", "/policy/")
    ask("GET", "/event/")
    ask("GET", "/system/")
    ask("GET", "/machine/token")
    ask("GET", "/auth/rights")
    ask("POST", f"/token/disable/T{turn}", {})
    ask("POST", f"/token/enable/T{turn}", {})
    ask("POST", f"/token/set/T{turn}", {"description": f"Token {turn}"})
    ask("POST", "/container/init", {"type": "generic", "user": f"person{turn}", "realm": "field"})
    ask("GET", "/container/?page=1&pagesize=10")
