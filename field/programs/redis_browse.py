"""What a person does in Redis Commander's page, asked as the page's script asks it: open the tree, look at keys, change some."""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, form=None, method=None):
    data = None if form is None else urllib.parse.urlencode(form).encode()
    try:
        with opener.open(urllib.request.Request(f"{sys.argv[1]}/{path}", data, method=method), timeout=20) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as error:
        print(path, error.code, error.read()[:200])
        return None
    time.sleep(0.05)
    return json.loads(text) if text.startswith(("{", "[")) else text


def quoted(text):
    return urllib.parse.quote(text, safe="")


def opened():
    """The page and the first level of the tree."""
    ask("")
    ask("apiv2/connection")
    ask("config")
    ask("apiv2/redisCommands")
    connection = ask("connections")["connections"][0]["conId"]
    ask(f"apiv2/keystree/{quoted(connection)}/")
    ask(f"apiv2/server/{quoted(connection)}/info")
    return connection


def folder(connection, path):
    ask(f"apiv2/keystree/{quoted(connection)}/{quoted(path)}?absolute=false")


def key(connection, name):
    return ask(f"apiv2/key/{quoted(connection)}/{quoted(name)}")


for visit in range(4):
    connection = opened()
    for path in ("product", "session", "cache", "cache:page", "cache:page:shop", "visits", "visits:2026", "visits:2026:10")[visit:]:
        folder(connection, path)
    for number in range(visit * 5, visit * 5 + 5):
        key(connection, f"product:{number}")
        key(connection, f"session:{number:04}")
        key(connection, f"cart:{number}")
    for name in ("orders:open", "rank:sales", "tag:new", "tag:sale", "events", "cache:page:shop:2", "visits:2026:10:04"):
        key(connection, name)
    ask(f"apiv2/key/{quoted(connection)}/{quoted('orders:open')}?index=100")
    target = {"connectionId": connection}
    changes = [
        ("apiv2/hash/field/edit", {"key": f"product:{visit}", "field": "price", "value": 10 + visit}, f"product:{visit}"),
        ("apiv2/hash/field/add", {"key": f"product:{visit}", "field": "note", "value": "checked"}, f"product:{visit}"),
        ("apiv2/list/value/add", {"key": f"cart:{visit}", "type": "rpush", "value": 80 + visit}, f"cart:{visit}"),
        ("apiv2/set/member/add", {"key": "tag:sale", "value": 200 + visit}, "tag:sale"),
        ("apiv2/zset/member/add", {"key": "rank:sales", "score": 5, "value": f"product:{200 + visit}"}, "rank:sales"),
        ("apiv2/xset/member/add", {"key": "events", "timestamp": "*", "field": "kind", "value": "note"}, "events"),
    ]
    for path, form, name in changes:
        ask(path, target | form)
        # After each change the page asks for the tree and for the key again.
        ask(f"apiv2/keystree/{quoted(connection)}/")
        key(connection, name)
    ask(f"apiv2/key/{quoted(connection)}/{quoted(f'note:{visit}')}", {"keyType": "string", "stringValue": f"Note {visit}"})
    ask(f"apiv2/key/{quoted(connection)}/{quoted(f'note:{visit}')}", {"key": f"notes:{visit}", "force": "false", "action": "patch"})
    ask(f"apiv2/keystree/{quoted(connection)}/")
    for line in ("dbsize", "keys product:1*", "hgetall product:3", f"get session:{visit:04}", "zrevrange rank:sales 0 9 withscores", "ttl session:0001"):
        ask(f"apiv2/exec/{quoted(connection)}", {"cmd": line})
    ask(f"apiv2/keys/{quoted(connection)}/{quoted('prod')}*?limit=20")
    ask(f"apiv2/key/{quoted(connection)}/{quoted(f'cart:{30 + visit}')}?action=delete", {})
    ask("tools/forms/export")
    ask(f"tools/export?connection={quoted(connection)}&type=redis&redisConnection={quoted(connection)}")
ask(f"apiv2/keys/{quoted(connection)}/{quoted('notes:*')}?action=delete", {})
