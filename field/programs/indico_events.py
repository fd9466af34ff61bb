"""Fills Indico: people, categories, lectures, meetings and conferences with sessions and contributions. Runs in its folder with indico.conf."""

from datetime import timedelta

from indico.core.db import db
from indico.modules.auth import Identity
from indico.modules.categories.models.categories import Category
from indico.modules.categories.operations import create_category
from indico.modules.events.contributions.operations import create_contribution
from indico.modules.events.models.events import EventType
from indico.modules.events.models.persons import EventPerson
from indico.modules.events.contributions.models.persons import ContributionPersonLink
from indico.modules.events.operations import create_event
from indico.modules.events.sessions.operations import create_session
from indico.modules.events.timetable.operations import create_session_block_entry
from indico.modules.users.operations import create_user
from indico.util.date_time import now_utc
from indico.web.flask.app import make_app

app = make_app()
with app.test_request_context():
    people = []
    for n in range(40):
        identity = Identity(provider="indico", identifier=f"person{n}", password="a-Long-secret-77")
        people.append(create_user(f"person{n}@example.com", {"first_name": f"First{n}", "last_name": f"Last{n}", "affiliation": f"Institute {n % 7}"}, identity))
    people[0].is_admin = True
    root = Category.get_root()
    start = (now_utc() - timedelta(days=60)).replace(hour=9, minute=0, second=0, microsecond=0)
    for c in range(8):
        with db.session.no_autoflush:
            category = create_category(root, {"title": f"Department {c}", "description": "Its events"})
        for e in range(12):
            kind = [EventType.lecture, EventType.meeting, EventType.conference][e % 3]
            begin = start + timedelta(days=e * 10 + c)
            event = create_event(category, kind, {
                "title": f"Event {c}-{e}", "description": "What it is about. " * 5, "start_dt": begin, "end_dt": begin + timedelta(hours=9),
                "timezone": "UTC", "creator": people[c * 4 + e % 4], "keywords": ["physics"],
            })
            # Numbers within an event are counted by another connection, which has to see it.
            db.session.commit()
            if kind is EventType.lecture:
                continue
            block = None
            if kind is EventType.conference:
                for s in range(2):
                    session = create_session(event, {"title": f"Session {s}", "default_contribution_duration": timedelta(minutes=20)})
                    entry = create_session_block_entry(session, {"start_dt": begin + timedelta(hours=s * 4), "duration": timedelta(hours=3), "title": f"Part {s}"})
                    block = entry.object
            for t in range(12):
                speaker = people[(c + e + t) % 40]
                person = EventPerson.for_user(speaker, event)
                link = ContributionPersonLink(person=person, is_speaker=True)
                inside = block if t >= 6 else None
                contribution = create_contribution(event, {"title": f"Talk {t}", "description": "Abstract of it.", "duration": timedelta(minutes=20),
                                                           "start_dt": begin + timedelta(hours=4 if inside else 0, minutes=20 * (t % 8))}, session_block=inside)
                contribution.person_links.append(link)
    db.session.commit()
