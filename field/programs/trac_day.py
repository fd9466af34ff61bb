"""A day in a project's Trac: tickets are written, found and answered, pages changed, reports, the roadmap and the timeline read."""

import sys

from browser import Browser

ann = Browser(sys.argv[1])
for number in range(10):
    ann.get("/wiki")
    ann.get(f"/wiki/Page{number * 3}")
    ann.get(f"/wiki/Page{number * 3}?action=history")
    ann.submit(f"/wiki/Page{number * 3}?action=edit", "text", text=f"= Page {number} =\n\nWritten anew, see #{number + 1}.\n\n" + "Some more words. " * 50, author="ann", comment="anew", save="Submit changes")
    ann.get("/timeline")
    ann.get("/roadmap")
    ann.get(f"/milestone/Release%20{number % 6}")
    ann.get("/report")
    ann.get(f"/report/{number % 8 + 1}")
    ann.get("/query?status=!closed&component=part1&order=priority")
    ann.get(f"/query?status=new&keywords=~word{number % 7}&group=milestone&max=50&col=id&col=summary&col=owner&col=milestone")
    ann.get(f"/search?q=words{number}&ticket=on&wiki=on&milestone=on")
    ann.get(f"/search?q=work&ticket=on&page={number % 3 + 1}")
    for ticket in range(number * 4 + 1, number * 4 + 4):
        ann.submit(f"/ticket/{ticket}", "start_time", comment=f"It is like #{ticket + 2}; see Page{number}.", author="ben", action="leave", submit="Submit changes")
    ann.submit("/newticket", "field_summary", field_summary=f"New {number}", field_description="It does not start. " * 8, field_component=f"part{number % 6}", author="cho", submit="Create ticket")
    ann.get("/admin/ticket/components")
    ann.get("/admin/ticket/milestones")
    ann.get("/prefs")
