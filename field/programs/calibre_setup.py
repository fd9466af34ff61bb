"""The first steps in Calibre-Web's pages: log in, name the library; the session stays as a cookie in a file."""

import http.cookiejar
import re
import sys
import urllib.parse
import urllib.request

address, library = sys.argv[1:]
jar = http.cookiejar.CookieJar()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))


def post(path, **fields):
    page = opener.open(address + path).read().decode()
    fields["csrf_token"] = re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)
    print(path, opener.open(address + path, urllib.parse.urlencode(fields).encode()).geturl())


post("/login", username="admin", password="admin123", next="/")
post("/admin/dbconfig", config_calibre_dir=library)
open("cookie", "w").write("; ".join(f"{cookie.name}={cookie.value}" for cookie in jar))
