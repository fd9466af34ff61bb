"""People in the administration of files: they go through folders, upload, look for files, change, move and delete them."""

import re
import struct
import sys
import zlib

from browser import Browser


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(shade):
    """A small PNG of one colour."""
    rows = b"".join(b"\0" + bytes((shade, 80, 120)) * 64 for _ in range(64))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


for turn, name in enumerate(("ann", "ben", "cleo", "ann", "ben", "cleo")):
    person = Browser(sys.argv[1])
    person.submit("/admin/login/?next=/admin/filer/folder/", "username", username=name, password="secret")
    text = person.get("/admin/filer/folder/")
    for folder in list(dict.fromkeys(re.findall(r'href="(/admin/filer/folder/\d+/list/)', text)))[turn % 2:turn % 2 + 2]:
        inner = person.get(folder)
        for month in list(dict.fromkeys(re.findall(r'href="(/admin/filer/folder/\d+/list/)', inner)))[turn:turn + 2]:
            page = person.get(month)
            person.get(f"{month}?order_by=-uploaded_at")
            for file in list(dict.fromkeys(re.findall(r'href="(/admin/filer/(?:image|file)/\d+/change/)', page)))[:3]:
                person.submit(file, "name", name=f"Seen by {name}", description="A view")
            number = re.search(r"folder/(\d+)/", month)[1]
            cookie = next((one.value for handler in person.opener.handlers if hasattr(handler, "cookiejar") for one in handler.cookiejar if one.name == "csrftoken"), "")
            for upload in range(3):
                mark = "field-border"
                body = (f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="new-{turn}-{upload}.png"\r\nContent-Type: image/png\r\n\r\n').encode()
                body += picture(40 * turn + upload) + f"\r\n--{mark}--\r\n".encode()
                person.ask(f"/admin/filer/clipboard/operations/upload/{number}/", body, headers={
                    "Content-Type": f"multipart/form-data; boundary={mark}", "X-CSRFToken": cookie, "X-Requested-With": "XMLHttpRequest"})
            person.get(month)
    person.get(f"/admin/filer/folder/?q=picture-{turn % 4}&limit_search_to_folder=")
    person.get("/admin/filer/folder/unfiled_images/" if turn % 2 else "/admin/filer/folder/images_with_missing_data/")
    person.get(f"/admin/filer/folder/{turn * 3 + 2}/change/")
    person.get("/admin/filer/folderpermission/" if name == "ann" else "/admin/filer/folder/")
