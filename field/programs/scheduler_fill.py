"""For `django-admin shell`: three calendars with 60 events, half of which recur by the rules of the sample project's data."""

import datetime
import random

from django.contrib.auth.models import User
from django.utils import timezone
from schedule.models import Calendar, Event, Occurrence, Rule

drawn = random.Random(2)
people = [User.objects.create_user(f"person{number}", password="secret") for number in range(6)]
rules = [Rule.objects.create(name=name.title(), description=f"Recurs {name}", frequency=name.upper()) for name in ("daily", "weekly", "monthly", "yearly")]
now = timezone.now().replace(minute=0, second=0, microsecond=0)
for calendar in [Calendar.objects.create(name=name, slug=name.lower()) for name in ("Team", "Family", "Club")]:
    for number in range(20):
        start = now + datetime.timedelta(days=drawn.randint(-40, 40), hours=drawn.randint(-8, 8))
        event = Event.objects.create(
            title=f"{calendar.name} event {number}", start=start, end=start + datetime.timedelta(hours=drawn.randint(1, 4)), calendar=calendar,
            creator=drawn.choice(people), rule=drawn.choice(rules) if number % 2 else None, end_recurring_period=now + datetime.timedelta(days=90))
        if number % 6 == 1:
            found = event.get_occurrences(now, now + datetime.timedelta(days=30))
            if found:
                found[0].move(found[0].start + datetime.timedelta(hours=1), found[0].end + datetime.timedelta(hours=1))
