"""Writes sixty posts with categories, tags and code, and some pages, into the folder `source` of a Hexo blog."""

import datetime
import pathlib
import random

drawn = random.Random(11)
source = pathlib.Path("source")
(source / "_posts").mkdir(parents=True, exist_ok=True)
first = datetime.datetime(2022, 1, 3, 9)
text = "Some text that says what the post is about, with **words** and a [link](https://example.com/).\n\n"
code = "```js\nconst sum = (numbers) => numbers.reduce((all, one) => all + one, 0);\nconsole.log(sum([1, 2, 3]));\n```\n\n"
for number in range(60):
    when = first + datetime.timedelta(days=15 * number)
    tags = ", ".join(drawn.sample(["news", "travel", "food", "music", "garden", "books", "code", "sports"], 3))
    kind = drawn.choice(["Diary", "Reviews", "Guides", "Projects"])
    body = text * 3 + "<!-- more -->\n\n" + (text * 2 + "## A heading\n\n" + code) * drawn.randint(1, 4)
    head = f"---\ntitle: Post {number}\ndate: {when:%Y-%m-%d %H:%M:%S}\ncategories: {kind}\ntags: [{tags}]\n---\n"
    (source / "_posts" / f"post-{number}.md").write_text(head + body)
for page in ("about", "contact", "links", "projects"):
    (source / page).mkdir(exist_ok=True)
    (source / page / "index.md").write_text(f"---\ntitle: {page.title()}\n---\n" + text * 5)
