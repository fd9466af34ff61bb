"""Writers of An Otter Wiki: an account, pages made, edited, previewed, renamed, compared, searched. otterwiki_day.py URL"""

import sys

from any_day import Asker

asker = Asker(sys.argv[1])
asker.ask("POST", "/-/register", [("email", "ann@example.com"), ("name", "Ann"), ("password1", "secret-123"), ("password2", "secret-123")])
asker.ask("POST", "/-/login", [("email", "ann@example.com"), ("password", "secret-123")])
for n in range(20):
    asker.ask("POST", "/-/create", [("pagename", f"Page {n}"), ("is_folder", "0")])
    asker.ask("POST", f"/Page {n}/save".replace(" ", "%20"), [("content", f"# Page {n}\n\nWords, see [[Page {(n + 1) % 20}]].\n" * 4), ("commit", f"Write page {n}")])
for turn in range(6):
    for path in ("/", "/-/index", "/-/changelog", "/-/changelog/feed.rss", "/-/about", "/sitemap.xml", "/-/settings", "/-/user/", "/-/search?query=words", "/-/search/words"):
        asker.ask("GET", path)
    for n in range(turn, 20, 6):
        page = f"/Page%20{n}"
        for path in (page, f"{page}/edit", f"{page}/history", f"{page}/source", f"{page}/blame"):
            asker.ask("GET", path)
        asker.ask("POST", f"{page}/preview", [("content", "# Preview\n\n*text*"), ("cursor_line", "1")])
        asker.ask("POST", f"{page}/draft", [("content", "draft"), ("cursor_line", "1"), ("cursor_ch", "1"), ("revision", "")])
        asker.ask("POST", f"{page}/save", [("content", f"# Page {n}\n\nChanged in turn {turn}.\n"), ("commit", "")])
    asker.ask("GET", f"/Missing{turn}")
