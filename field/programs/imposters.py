"""A test suite's use of mountebank: per test, stand-ins for other services are made, asked, looked at and taken away.

    imposters.py ADMIN FIRST_PORT REAL

REAL is a running service that a proxy records. The stubs are those of mountebank's documentation: predicates, several
responses in turn, behaviours, and a proxy whose recordings are played back.
"""

import json
import sys
import urllib.error
import urllib.request

admin, first, real = sys.argv[1], int(sys.argv[2]), sys.argv[3]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method), timeout=20) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.read()


def users(port):
    """People by number; who is not known is not found."""
    stubs = [
        {
            "predicates": [{"equals": {"method": "GET", "path": f"/users/{number}"}}],
            "responses": [{"is": {"headers": {"Content-Type": "application/json"}, "body": {"id": number, "name": f"Person {number}", "plan": ("free", "paid")[number % 2]}}}],
        }
        for number in range(1, 21)
    ]
    stubs.append({"predicates": [{"matches": {"path": "^/users/"}}], "responses": [{"is": {"statusCode": 404, "body": {"error": "unknown"}}}]})
    return {"port": port, "protocol": "http", "name": "users", "recordRequests": True, "stubs": stubs}


def payments(port):
    """Payments are slow, and the second of three is refused."""
    made = {"is": {"statusCode": 201, "body": {"state": "paid"}}, "behaviors": [{"wait": 60}]}
    refused = {"is": {"statusCode": 402, "body": {"state": "refused"}}}
    stubs = [{"predicates": [{"equals": {"method": "POST", "path": "/payments"}}, {"exists": {"body": True}}], "responses": [made, refused, made]}]
    stubs.append({"predicates": [{"startsWith": {"path": "/payments/"}}],
                  "responses": [{"is": {"body": {"id": "${ID}", "state": "paid"}},
                                 "behaviors": [{"copy": {"from": "path", "into": "${ID}", "using": {"method": "regex", "selector": "\\d+$"}}}]}]})
    return {"port": port, "protocol": "http", "name": "payments", "recordRequests": True, "stubs": stubs}


def catalogue(port):
    """What the real service says is kept and said again."""
    proxy = {"to": real, "mode": "proxyOnce", "predicateGenerators": [{"matches": {"method": True, "path": True, "query": True}}]}
    return {"port": port, "protocol": "http", "name": "catalogue", "stubs": [{"responses": [{"proxy": proxy}]}]}


for test in range(12):
    made = [users(first), payments(first + 1), catalogue(first + 2)]
    for imposter in made:
        ask("POST", f"{admin}/imposters", imposter)
    for order in range(5):
        person = (test * 3 + order) % 24 + 1
        ask("GET", f"http://127.0.0.1:{first}/users/{person}")
        for page in range(order % 3 + 1):
            ask("GET", f"http://127.0.0.1:{first + 2}/{page}.json")
        ask("POST", f"http://127.0.0.1:{first + 1}/payments", {"user": person, "total": 12 * order})
        ask("GET", f"http://127.0.0.1:{first + 1}/payments/{100 + order}")
    stub = {"responses": [{"is": {"statusCode": 503}}]}
    ask("POST", f"{admin}/imposters/{first}/stubs", {"index": 0, "stub": stub})
    ask("GET", f"http://127.0.0.1:{first}/users/1")
    ask("GET", f"{admin}/imposters")
    for imposter in made:
        # What was asked of it is what the test asserts on.
        ask("GET", f"{admin}/imposters/{imposter['port']}")
    ask("DELETE", f"{admin}/imposters/{first}/savedRequests")
    ask("GET", f"{admin}/imposters?replayable=true&removeProxies=true")
    ask("DELETE", f"{admin}/imposters")
