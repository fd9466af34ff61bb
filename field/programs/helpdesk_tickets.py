# For `manage.py shell` of a helpdesk: four queues, five people of the staff, 120 tickets with answers, and a knowledge base.
import random
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.utils import timezone
from helpdesk.models import (Checklist, ChecklistTask, CustomField, FollowUp, KBCategory, KBItem, PreSetReply, Queue, Ticket, TicketCC,
                             TicketChange, TicketCustomFieldValue, TicketDependency)

draw = random.Random(5)
User = get_user_model()
staff = [User.objects.create_user(f"staff{number}", f"staff{number}@example.com", "secret", is_staff=True) for number in range(5)]
names = ["Sales", "Network", "Printers", "Accounts"]
queues = [Queue.objects.create(title=name, slug=name.lower(), allow_public_submission=True, default_owner=staff[place]) for place, name in enumerate(names)]
room = CustomField.objects.create(name="room", label="Room", data_type="varchar", max_length=20, required=False, ordering=1)
category = [KBCategory.objects.create(title=f"Topic {n}", name=f"Topic {n}", slug=f"topic-{n}", description="Questions.", queue=queues[n]) for n in range(4)]
items = [KBItem.objects.create(category=category[n % 4], title=f"Question {n}", question=f"How does {n} work?", answer="Like this. " * 20, votes=n, recommendations=n // 2, enabled=True)
         for n in range(24)]
for n in range(6):
    PreSetReply.objects.create(name=f"Reply {n}", body="Thank you for writing. " * 5)
now = timezone.now()
tickets = []
for number in range(120):
    ticket = Ticket.objects.create(
        title=f"Ticket {number}: something does not work", queue=queues[number % 4], submitter_email=f"customer{number % 30}@example.com",
        assigned_to=draw.choice([*staff, None]), status=draw.choice([1, 1, 1, 2, 3, 4]), priority=draw.randint(1, 5), description="It was fine yesterday. " * 8,
        due_date=now + timedelta(days=draw.randint(-10, 20)), kbitem=draw.choice([None, None, *items]))
    Ticket.objects.filter(pk=ticket.pk).update(created=now - timedelta(days=draw.randint(0, 90)))
    TicketCustomFieldValue.objects.create(ticket=ticket, field=room, value=f"Room {number % 12}")
    for answer in range(draw.randint(1, 6)):
        followup = FollowUp.objects.create(ticket=ticket, title="Comment", comment=f"We look at it, {answer}. " * 4, public=answer % 2 == 0, user=draw.choice(staff),
                                           date=now - timedelta(hours=draw.randint(1, 900)), time_spent=timedelta(minutes=draw.randint(1, 60)))
        if answer == 2:
            TicketChange.objects.create(followup=followup, field="Priority", old_value="3", new_value="2")
    for person in draw.sample(staff, 2):
        TicketCC.objects.create(ticket=ticket, user=person, can_view=True)
    if number % 5 == 0:
        checklist = Checklist.objects.create(ticket=ticket, name="Steps")
        for place in range(4):
            ChecklistTask.objects.create(checklist=checklist, description=f"Step {place}", position=place)
    if number % 8 == 1:
        TicketDependency.objects.create(ticket=ticket, depends_on=tickets[-1])
    tickets.append(ticket)
