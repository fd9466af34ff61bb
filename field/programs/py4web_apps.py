"""py4web's applications as a WSGI application, with OpenTelemetry's middleware for WSGI around it; as a program, it fills the showcase."""

import datetime
import sys

from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from py4web.core import wsgi

application = OpenTelemetryMiddleware(wsgi(apps_folder="apps", password_file="password.txt", dashboard_mode="full"))


def fill():
    db = sys.modules["apps.showcase.examples.models"].db
    jobs, colors = ("Journalist", "Photographer", "Teacher", "Baker"), ("red", "green", "blue")
    people = [db.person.insert(name=f"Person {n}", job=jobs[n % 4]) for n in range(120)]
    heroes = [db.superhero.insert(name=f"Hero {n}", real_identity=people[n]) for n in range(60)]
    powers = [db.superpower.insert(description=f"Power {n}") for n in range(12)]
    db.tag.bulk_insert([{"superhero": heroes[n % 60], "superpower": powers[n % 12], "strength": n % 100} for n in range(180)])
    for n in range(100):
        db.thing.insert(name=f"Thing {n}", color=colors[n % 3], is_ready=n % 2 == 0, time_created=datetime.time(9, 30), date_created=datetime.date(2024, 1, n % 28 + 1))
    db.user_token.insert(token="a-token")
    db.commit()


if __name__ == "__main__":
    fill()
