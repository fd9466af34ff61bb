"""An editor adds and moves nodes in the administration; a program asks for trees and nodes."""

import os
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

editor, program = Browser(sys.argv[1]), Browser(sys.argv[1])
editor.submit("/admin/login/", "password", username="ann", password="secret")
for number in range(6):
    for kind, key in (("page", "title"), ("unit", "name"), ("subject", "name")):
        place = f"/admin/treebeard_pages/{kind}/"
        editor.get(place)
        position = "sorted-child" if kind == "subject" else "first-child"
        editor.submit(f"{place}add/", key, **{key: f"New {number}", "_position": position, "_ref_node_id": "2", "treebeard_position": position, "treebeard_ref_node": "2"})
        editor.submit(f"{place}{number + 12}/change/", key, **{key: f"Changed {number}"})
        program.get(f"/{kind}/")
        for node in range(number * 3 + 1, number * 3 + 5):
            program.get(f"/{kind}/{node}/")
