"""An administrator of Piccolo's demonstration: signs in, lists, filters, reads, makes, changes and deletes. piccolo_day.py URL"""

import json
import re
import sys

from any_day import Asker

asker = Asker(sys.argv[1])
asker.headers.update({"Referer": sys.argv[1] + "/", "Origin": sys.argv[1]})
asker.ask("GET", "/")
asker.ask("GET", "/api/tables/")


def show_token():
    """Sends the token of the cookie as a header, too, as its page does."""
    for handler in asker.opener.handlers:
        for cookie in getattr(handler, "cookiejar", ()):
            if "csrf" in cookie.name:
                asker.headers["X-CSRFToken"] = cookie.value


asker.ask("GET", "/public/login/")
show_token()
asker.ask("POST", "/public/login/", {"username": "piccolo", "password": "piccolo123"})
show_token()
tables = re.findall(r'"([a-z_]+)"', asker.ask("GET", "/api/tables/"))
print(tables)
for turn in range(10):
    asker.ask("GET", "/api/user/")
    asker.ask("GET", "/api/tables/grouped/")
    asker.ask("GET", "/api/forms/")
    for table in tables:
        asker.ask("GET", f"/api/tables/{table}/schema/")
        asker.ask("GET", f"/api/tables/{table}/count/")
        asker.ask("GET", f"/api/tables/{table}/?__page=1&__page_size=15&__readable=true")
        asker.ask("GET", f"/api/tables/{table}/ids/?limit=15")
        asker.ask("GET", f"/api/tables/{table}/references/")
    asker.ask("GET", "/api/tables/movie/?name=star&__readable=true&__order=-rating")
    asker.ask("GET", f"/api/tables/director/{1 + turn % 4}/?__readable=true")
    asker.ask("GET", f"/api/tables/movie/?director={1 + turn % 4}")
    new = json.loads(asker.ask("GET", "/api/tables/studio/new/") or "{}")
    made = asker.json("POST", "/api/tables/director/", {"name": f"Director {turn}", "years_nominated": [2000 + turn], "gender": "f"})
    asker.ask("PATCH", f"/api/tables/movie/{1 + turn}/", {"name": f"Changed {turn}"})
    key = (made[0] if isinstance(made, list) and made else {}).get("id")
    if key:
        asker.ask("DELETE", f"/api/tables/director/{key}/")
    asker.ask("POST", "/api/tables/director/", {"name": None})
