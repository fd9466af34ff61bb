"""Starts a server, waits until it listens, crawls or runs a client against it, and ends it.

    serve.py --port 8001 [--crawl URL]... [--pages N] [--client LINE] -- COMMAND...

Crawling follows links of the same host, breadth first, at most N pages from each URL, twice over: the first round finds
the pages, the second one asks for them again in a drawn order. It is not part of what is recorded.
"""

import argparse
import http.client
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

LINK = re.compile(rb"""(?:href|src|action)=["']([^"'#]+)""")
SKIPPED = re.compile(r"logout|signout|delete|/remove|\.(?:js|css|png|jpg|svg|ico|woff2?|map|whl|gz|zip)(?:$|\?)")


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def fetch(opener, url):
    try:
        with opener.open(url, timeout=20) as answer:
            kind = answer.headers.get_content_type()
            return answer.read(4_000_000) if "html" in kind else b""
    except urllib.error.HTTPError as error:
        error.read()
        return b""
    except (OSError, ValueError, http.client.HTTPException) as error:
        print("crawl:", url, error)
        return b""


def crawl(opener, start, pages):
    host = urllib.parse.urlsplit(start).netloc
    queue, seen, order = [start], {start}, []
    while queue and len(order) < pages:
        url = queue.pop(0)
        order.append(url)
        links = [urllib.parse.urljoin(url, link.decode("utf-8", "replace").replace("&amp;", "&"))
                 for link in LINK.findall(fetch(opener, url))]
        for link in links:
            if urllib.parse.urlsplit(link).netloc == host and link not in seen and not SKIPPED.search(link):
                seen.add(link)
                queue.append(link)
    random.Random(1).shuffle(order)
    for url in order:
        fetch(opener, url)
    print("crawled", len(order), "pages twice from", start)


def main():
    split = sys.argv.index("--")
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--crawl", action="append", default=[])
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--client", action="append", default=[])
    parser.add_argument("--cookie", help="a header Cookie for the crawl")
    arguments = parser.parse_args(sys.argv[1:split])
    server = subprocess.Popen(sys.argv[split + 1:], start_new_session=True)
    try:
        until = time.monotonic() + 180
        while not listens(arguments.port):
            if server.poll() is not None or time.monotonic() > until:
                sys.exit(f"the server does not listen on {arguments.port}")
            time.sleep(0.2)
        time.sleep(1)
        quiet = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_") and key != "NODE_OPTIONS"}
        for client in arguments.client:
            subprocess.run(client, shell=True, env=quiet, timeout=240, check=False)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        if arguments.cookie:
            opener.addheaders.append(("Cookie", arguments.cookie))
        else:
            opener.add_handler(urllib.request.HTTPCookieProcessor())
        for start in arguments.crawl:
            crawl(opener, start, arguments.pages)
        # What is exported in batches is exported by now.
        time.sleep(6)
    finally:
        for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(server.pid, wanted)
                server.wait(timeout=15)
                break
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break


main()
