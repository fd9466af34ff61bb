"""A keeper adds categories and products, moves categories, and renames them in the administration."""

import os
import re
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

keeper = Browser(sys.argv[1])
keeper.submit("/admin/login/", "password", username="ann", password="secret")
for number in range(8):
    page = keeper.get("/admin/mptt_shop/category/")
    keeper.submit("/admin/mptt_shop/category/add/", "name", name=f"Season {number}", parent=str(number + 2))
    keeper.submit(f"/admin/mptt_shop/category/{number + 10}/change/", "name", name=f"Other name {number}")
    moved = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page).group(1)
    keeper.ask("/admin/mptt_shop/category/", f"cmd=move_node&position=last-child&cut_item={30 + number}&pasted_on={5 + number}&csrfmiddlewaretoken={moved}".encode(),
               headers={"X-Requested-With": "XMLHttpRequest", "X-CSRFToken": moved})
    keeper.submit("/admin/mptt_shop/product/add/", "price", name=f"New {number}", category=str(20 + number), price="5")
    keeper.get(f"/admin/mptt_shop/product/?q=Product+{number}")
