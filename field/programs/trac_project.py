"""Fills a Trac environment: components, milestones, 120 tickets with comments, 40 wiki pages with changes.

    trac_project.py ENVIRONMENT
"""

import random
import sys
from datetime import timedelta

from trac.env import open_environment
from trac.perm import PermissionSystem
from trac.ticket.model import Component, Milestone, Ticket, Version
from trac.util.datefmt import datetime_now, utc
from trac.wiki.model import WikiPage

draw = random.Random(6)
env = open_environment(sys.argv[1])
PermissionSystem(env).grant_permission("anonymous", "TRAC_ADMIN")
people = ["ann", "ben", "cho", "dan", "eve"]
now = datetime_now(utc)
for number in range(6):
    component = Component(env)
    component.name, component.owner = f"part{number}", people[number % 5]
    component.insert()
    milestone = Milestone(env)
    milestone.name, milestone.due, milestone.description = f"Release {number}", now + timedelta(days=30 * number - 60), "What we want to have."
    milestone.insert()
    version = Version(env)
    version.name, version.time = f"0.{number}", now - timedelta(days=30 * number)
    version.insert()
for number in range(120):
    ticket = Ticket(env)
    ticket.populate({
        "summary": f"Something {number} does not work", "description": f"See wiki:Page{number % 40} and #{max(1, number - 3)}. " * 3, "reporter": people[number % 5],
        "owner": people[number % 4], "type": draw.choice(["defect", "enhancement", "task"]), "component": f"part{number % 6}", "milestone": f"Release {number % 6}",
        "version": f"0.{number % 6}", "priority": draw.choice(["minor", "major", "critical"]), "keywords": f"word{number % 7}", "status": "new"})
    ticket.insert(when=now - timedelta(days=120 - number))
    for answer in range(number % 5):
        ticket["priority"] = draw.choice(["minor", "major", "critical"])
        if answer == 3:
            ticket["status"], ticket["resolution"] = "closed", "fixed"
        ticket.save_changes(people[answer], f"Looked at it, {answer}. " * 4, when=now - timedelta(days=120 - number, hours=-1 - answer))
for number in range(40):
    for change in range(number % 3 + 1):
        page = WikiPage(env, f"Page{number}")
        page.text = f"= Page {number} =\n\nChange {change}. See Page{(number + 1) % 40}, #{number + 1} and milestone:\"Release {number % 6}\".\n\n" + "Some words on it. " * 60
        page.save(people[number % 5], f"change {change}", now - timedelta(days=60 - number, hours=-change))
