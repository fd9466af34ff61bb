"""What the web player of beets asks: items, albums, single ones, queries and artists: beets_web.py URL"""

import sys
import time
import urllib.error
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for turn in range(10):
    for path in ("/", "/item/", "/album/", "/album/?expand", f"/item/{turn * 10 + 1}", f"/album/{turn + 1}", f"/album/{turn + 1}?expand", f"/item/query/Track%20{turn}", f"/album/query/Album%20{turn}", "/artist/", "/stats", "/item/values/year", f"/item/{turn + 1}/file"):
        time.sleep(0.03)
        try:
            opener.open(sys.argv[1] + path, timeout=30).read()
        except urllib.error.HTTPError as error:
            print(path, error.code)
