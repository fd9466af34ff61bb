"""An editor of the site: the tree of pages, pages opened to edit, their texts changed, a new page."""

import re
import sys

from browser import Browser

base = sys.argv[1]
editor = Browser(base)
editor.submit("/en/admin/login/?next=/en/admin/", "username", username="ann", password="secret")
tree = editor.get("/en/admin/cms/pagecontent/?language=en")
editor.get("/en/admin/cms/pagecontent/get-tree/?language=en&site=1")
kind = re.search(r"/cms/placeholder/object/(\d+)/", editor.get("/en/?toolbar_on") + tree)
print("kind of content:", kind and kind[1])
for content in range(1, 40, 3):
    page = editor.get(f"/en/admin/cms/placeholder/object/{kind[1]}/edit/{content}/")
    editor.get(f"/en/admin/cms/placeholder/object/{kind[1]}/structure/{content}/")
    for plugin in list(dict.fromkeys(re.findall(r"/cms/placeholder/edit-plugin/(\d+)/", page)))[:2]:
        editor.submit(f"/en/admin/cms/placeholder/edit-plugin/{plugin}/", "body", body="<p>Written anew. " + "It says more. " * 10 + "</p>")
    editor.submit(f"/en/admin/cms/pagecontent/{content}/change/", "title", title=f"Page {content}, changed")
    editor.get("/en/admin/cms/pagecontent/?language=en")
    editor.get("/en/admin/cms/pagecontent/get-tree/?language=en&site=1")
for number in range(3):
    editor.submit("/en/admin/cms/pagecontent/add/?language=en&site=1", "title", title=f"New {number}", slug=f"new-{number}")
