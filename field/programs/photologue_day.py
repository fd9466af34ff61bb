"""The owner uploads galleries in the administration and changes titles; visitors leaf through galleries and pictures.

    photologue_day.py URL
"""

import pathlib
import re
import sys
import uuid

from browser import Browser

base = sys.argv[1]
owner = Browser(base)
owner.submit("/admin/login/", "password", username="ann", password="secret")
for gallery in range(10):
    text, url = owner.ask("/admin/photologue/photo/upload_zip/")
    edge = uuid.uuid4().hex
    fields = {"csrfmiddlewaretoken": re.search(r'csrfmiddlewaretoken" value="([^"]+)', text)[1], "title": f"Gallery {gallery}", "caption": "On a walk", "is_public": "on"}
    body = "".join(f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()).encode()
    body += f'--{edge}\r\nContent-Disposition: form-data; name="zip_file"; filename="pictures.zip"\r\nContent-Type: application/zip\r\n\r\n'.encode()
    body += pathlib.Path(f"gallery{gallery}.zip").read_bytes() + f"\r\n--{edge}--\r\n".encode()
    owner.ask(url, body, headers={"Content-Type": f"multipart/form-data; boundary={edge}", "Referer": url})
    owner.get("/admin/photologue/photo/")
    owner.get("/admin/photologue/gallery/")
for gallery in range(1, 6):
    owner.submit(f"/admin/photologue/gallery/{gallery}/change/", "description", description="Pictures of a walk")
    owner.submit(f"/admin/photologue/photo/{gallery * 9}/change/", "caption", caption="The best one")

for person in range(12):
    visitor = Browser(base)
    visitor.get("/photologue/gallerylist/")
    page = visitor.get(f"/photologue/gallery/gallery-{person % 10}/")
    for src in re.findall(r'src="(/media/[^"]+)"', page)[:6]:
        visitor.get(src)
    for link in re.findall(r'href="(/photologue/photo/[^"]+)"', page)[:4]:
        picture = visitor.get(link)
        for src in re.findall(r'src="(/media/[^"]+)"', picture)[:1]:
            visitor.get(src)
    visitor.get(f"/photologue/photolist/?page={person % 5 + 1}")
    visitor.get("/photologue/gallery/")
    visitor.get("/photologue/photo/")
visitor.get("/sitemap.xml")
