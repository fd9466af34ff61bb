"""A browser without scripts for the clients here: keeps cookies, reads a page's forms, fills one in and sends it."""

import html.parser
import http.cookiejar
import time
import urllib.error
import urllib.parse
import urllib.request


class Forms(html.parser.HTMLParser):
    """Every form of a page: its address, its method and its fields as they stand."""

    def __init__(self):
        super().__init__()
        self.forms = []
        self.area = self.select = None

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self.forms.append({"action": given.get("action") or "", "method": (given.get("method") or "get").lower(), "fields": []})
        if not self.forms:
            return
        fields = self.forms[-1]["fields"]
        name, kind = given.get("name"), (given.get("type") or "text").lower()
        if tag == "input" and name and kind not in ("submit", "button", "image", "file", "reset"):
            if kind not in ("checkbox", "radio") or "checked" in given:
                fields.append((name, given.get("value") or ("on" if kind == "checkbox" else "")))
        elif tag == "textarea" and name:
            self.area = [name, ""]
        elif tag == "select" and name:
            self.select = [name, None]
        elif tag == "option" and self.select and (self.select[1] is None or "selected" in given):
            self.select[1] = given.get("value") or ""

    def handle_data(self, data):
        if self.area:
            self.area[1] += data

    def handle_endtag(self, tag):
        if tag == "textarea" and self.area:
            self.forms[-1]["fields"].append((self.area[0], self.area[1].removeprefix("\n")))
            self.area = None
        elif tag == "select" and self.select:
            self.forms[-1]["fields"].append((self.select[0], self.select[1] or ""))
            self.select = None


class Browser:
    def __init__(self, base, pause=0.05, headers=()):
        self.base, self.pause = base, pause
        jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))
        self.opener.addheaders += list(headers)

    def ask(self, path, data=None, method=None, headers=None):
        """The page's text, and the address that it came from in the end."""
        url = urllib.parse.urljoin(self.base, path)
        headers = {"Referer": url} | (headers or {})
        time.sleep(self.pause)
        try:
            with self.opener.open(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
                return answer.read().decode("utf-8", "replace"), answer.geturl()
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            print(method or ("GET" if data is None else "POST"), url, error.code)
            return text, url

    def get(self, path, **headers):
        return self.ask(path, headers=headers)[0]

    def submit(self, path, has, /, **fields):
        """Opens the page and sends its first form that has the field `has`, with these fields changed or added."""
        text, url = self.ask(path)
        return self.send(text, url, has, **fields)

    def send(self, text, url, has, /, **fields):
        """As `submit`, from a page that is open already."""
        parser = Forms()
        parser.feed(text)
        for form in parser.forms:
            if has in dict(form["fields"]) or has in form["action"]:
                values = [(name, value) for name, value in form["fields"] if name not in fields]
                values += [(name, one) for name, value in fields.items() for one in (value if isinstance(value, list) else [value])]
                data = urllib.parse.urlencode(values)
                target = urllib.parse.urljoin(url, form["action"])
                if form["method"] == "get":
                    return self.ask(target.split("?")[0] + "?" + data)
                return self.ask(target, data.encode(), headers={"Referer": url})
        print("no form with", has, "at", url)
        return text, url
