"""People sign up, log in by token and by JWT, look at themselves, change what they are called, reset passwords and leave; a manager lists them."""

import json
import os
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser


def ask(path, body=None, method=None, header=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": header} if header else {})
    text, _ = Browser(sys.argv[1]).ask(path, None if body is None else json.dumps(body).encode(), method, headers)
    return json.loads(text) if text[:1] in ("{", "[") else {}


for number in range(12):
    name, password = f"new{number}", "another good secret 2"
    ask("/auth/users/", {"username": name, "email": f"{name}@example.com", "password": password})
    ask("/auth/users/", {"username": name, "email": f"{name}@example.com", "password": "1"})
    token = "Token " + ask("/auth/token/login/", {"username": name, "password": password})["auth_token"]
    for _ in range(3):
        ask("/auth/users/me/", header=token)
    ask("/auth/users/me/", {"email": f"{name}.new@example.com"}, "PATCH", token)
    ask("/auth/users/set_password/", {"new_password": "a third secret 3", "current_password": password}, header=token)
    pair = ask("/auth/jwt/create/", {"username": f"person{number}", "password": "a good secret 1"})
    for _ in range(3):
        ask("/auth/users/me/", header="JWT " + pair["access"])
    ask("/auth/jwt/refresh/", {"refresh": pair["refresh"]})
    ask("/auth/jwt/verify/", {"token": pair["access"]})
    ask("/auth/users/reset_password/", {"email": f"person{number}@example.com"})
    ask("/auth/users/set_username/", {"new_username": f"{name}b", "current_password": "a third secret 3"}, header=token)
    if number % 3 == 0:
        ask("/auth/users/me/", {"current_password": "a third secret 3"}, "DELETE", token)
    else:
        ask("/auth/token/logout/", {}, header=token)
manager = "Token " + ask("/auth/token/login/", {"username": "ann", "password": "secret"})["auth_token"]
for page in (1, 2, 3, 1, 2):
    for one in ask(f"/auth/users/?page={page}", header=manager).get("results", [])[:4]:
        ask(f"/auth/users/{one['id']}/", header=manager)
