"""Photos in a bucket by the protocol of S3, without signatures: put, listed, read, copied and deleted. s3rver_day.py URL"""

import sys
import urllib.error
import urllib.request

url = sys.argv[1]


def ask(method, path, body=None, headers=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, body, headers or {}, method=method), timeout=20) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:100])
        return b""


ask("PUT", "/copies")
for n in range(60):
    ask("PUT", f"/photos/album{n % 5}/photo{n}.jpg", bytes(2000 + 300 * n), {"Content-Type": "image/jpeg"})
for turn in range(10):
    ask("GET", "/")
    ask("GET", "/photos?list-type=2&max-keys=20")
    ask("GET", f"/photos?prefix=album{turn % 5}/&delimiter=/")
    for n in range(turn, 60, 9):
        ask("HEAD", f"/photos/album{n % 5}/photo{n}.jpg")
        ask("GET", f"/photos/album{n % 5}/photo{n}.jpg", headers={"Range": "bytes=0-99"})
    ask("PUT", f"/copies/photo{turn}.jpg", headers={"x-amz-copy-source": f"/photos/album{turn % 5}/photo{turn}.jpg"})
    ask("GET", f"/photos/missing{turn}.jpg")
    ask("DELETE", f"/photos/album{turn % 5}/photo{turn}.jpg")
