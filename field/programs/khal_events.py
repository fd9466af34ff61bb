"""Two calendars of 150 events: khal_events.py; with `split`, 40 of them as files of their own below split/work."""

import pathlib
import sys

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//field//EN\r\n"


def event(number, name):
    day = f"2026{1 + number % 12:02}{1 + number % 28:02}"
    rule = "RRULE:FREQ=WEEKLY;COUNT=10\r\n" if number % 10 == 0 else ""
    return (f"BEGIN:VEVENT\r\nUID:{name}-{number}@example.com\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{day}T{8 + number % 9:02}0000\r\n"
            f"DTEND:{day}T{9 + number % 9:02}0000\r\nSUMMARY:{['meeting', 'call', 'lunch'][number % 3]} {number}\r\n{rule}END:VEVENT\r\n")


if len(sys.argv) > 1:
    for number in range(40):
        pathlib.Path(f"split/work/event-{number}.ics").write_text(HEAD + event(number, "split") + "END:VCALENDAR\r\n", newline="")
else:
    for name in ("work", "home"):
        pathlib.Path(f"{name}.ics").write_text(HEAD + "".join(event(number, name) for number in range(150)) + "END:VCALENDAR\r\n", newline="")
