"""Sign-ins of an application's users at a provider: discovery, consent, code, tokens, user, refresh. oidc_day.py URL"""

import base64
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

from any_day import Asker

url = sys.argv[1]
asker = Asker(url)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


stays = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay())
basic = {"Authorization": "Basic " + base64.b64encode(b"shop:secret").decode()}
back = "http://127.0.0.1:1/callback"
for n in range(20):
    asker.ask("PUT", f"/users/person{n}", {"userinfo": {"email": f"person{n}@example.com", "name": f"Person {n}"}})
for n in range(40):
    asker.json("GET", "/.well-known/openid-configuration")
    asker.json("GET", "/jwks")
    query = urllib.parse.urlencode({"client_id": "shop", "redirect_uri": back, "response_type": "code", "scope": "openid email profile", "state": "s"})
    asker.ask("GET", f"/oauth2/authorize?{query}")
    try:
        stays.open(urllib.request.Request(f"{url}/oauth2/authorize?{query}", urllib.parse.urlencode({"sub": f"person{n % 25}"}).encode(), method="POST"), timeout=20)
        continue
    except urllib.error.HTTPError as error:
        found = re.search(r"code=([^&]+)", error.headers.get("Location") or "")
        if not found:
            print(error.code, error.read()[:200])
            continue
    tokens = asker.json("POST", "/oauth2/token", [("grant_type", "authorization_code"), ("code", found[1]), ("redirect_uri", back)], headers=basic)
    if "access_token" in tokens:
        asker.ask("GET", "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
        asker.ask("POST", "/oauth2/token", [("grant_type", "refresh_token"), ("refresh_token", tokens.get("refresh_token", ""))], headers=basic)
    if n % 8 == 0:
        asker.ask("POST", f"/users/person{n % 20}/revoke_tokens", b"")
        asker.ask("GET", "/userinfo", headers={"Authorization": "Bearer none"})
