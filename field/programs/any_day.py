"""What the days of the ninth draw's services share: one who asks, keeps cookies, and prints what is refused."""

import http.cookiejar
import json
import urllib.error
import urllib.parse
import urllib.request


class Asker:
    def __init__(self, url, headers=None):
        self.url, self.headers = url, dict(headers or {})
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def ask(self, method, path, body=None, headers=None):
        """The text of the answer; `body` is a dict for JSON, a list of pairs for a form, or bytes. Empty when refused."""
        sent = {**self.headers, **(headers or {})}
        if isinstance(body, dict):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        elif isinstance(body, list):
            body = urllib.parse.urlencode(body).encode()
        try:
            with self.opener.open(urllib.request.Request(self.url + path, body, sent, method=method), timeout=30) as answer:
                return answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            print(method, path[:80], error.code, error.read()[:160])
            return ""

    def json(self, *arguments, **named):
        text = self.ask(*arguments, **named)
        return json.loads(text) if text[:1] in ("{", "[") else {}
