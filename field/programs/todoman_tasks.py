"""120 tasks in two lists, one file each: todoman_tasks.py FOLDER"""

import pathlib
import sys

for name in ("work", "home"):
    folder = pathlib.Path(sys.argv[1]) / name
    folder.mkdir(parents=True)
    for n in range(60):
        done = "STATUS:COMPLETED\r\nCOMPLETED:20260105T100000Z\r\nPERCENT-COMPLETE:100\r\n" if n % 4 == 0 else "STATUS:NEEDS-ACTION\r\n"
        (folder / f"{n}.ics").write_text(
            f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//field//EN\r\nBEGIN:VTODO\r\nUID:{name}{n}@example.com\r\nDTSTAMP:20260101T000000Z\r\nCREATED:20260101T000000Z\r\n"
            f"SUMMARY:Task {n} of {name}\r\nDUE;VALUE=DATE:2026{1 + n % 12:02}{1 + n % 28:02}\r\nPRIORITY:{n % 9}\r\nCATEGORIES:c{n % 5}\r\n{done}END:VTODO\r\nEND:VCALENDAR\r\n", newline="")
