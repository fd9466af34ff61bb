"""The workflow of the README (open, in progress, resolved, reopened, closed), a staff of eight, and 90 tickets."""

import django

django.setup()

from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from river.models import State, TransitionApprovalMeta, TransitionMeta, Workflow
from river_tickets.models import Ticket

User.objects.create_superuser("ann", "ann@example.com", "secret")
groups = {name: Group.objects.create(name=name) for name in ("developers", "testers", "leads")}
people = []
for number in range(8):
    person = User.objects.create_user(f"person{number}", password="secret", is_staff=True)
    person.groups.add(groups["developers" if number < 4 else "testers" if number < 6 else "leads"])
    people.append(person)
states = {label: State.objects.create(label=label) for label in ("Open", "In progress", "Resolved", "Re-opened", "Closed")}
kind = ContentType.objects.get_for_model(Ticket)
workflow = Workflow.objects.create(content_type=kind, field_name="status", initial_state=states["Open"])
steps = [
    ("Open", "In progress", ["developers"]), ("In progress", "Resolved", ["developers"]), ("Resolved", "Re-opened", ["testers"]),
    ("Resolved", "Closed", ["testers", "leads"]), ("Re-opened", "In progress", ["developers"]),
]
for source, target, who in steps:
    meta = TransitionMeta.objects.create(workflow=workflow, source_state=states[source], destination_state=states[target])
    for priority, name in enumerate(who):
        rule = TransitionApprovalMeta.objects.create(workflow=workflow, transition_meta=meta, priority=priority)
        rule.groups.add(groups[name])
for number in range(90):
    Ticket.objects.create(no=f"T-{number}", subject=f"Something is wrong {number}", description="What happened. " * 20, reporter=people[number % 8])
