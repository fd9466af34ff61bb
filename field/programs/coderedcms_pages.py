"""Fills a new Wagtail CRX site: a menu, 45 articles with categories, 20 events, 12 places, a form, 15 pages, and a session."""

import datetime
import json
import random
import uuid

from coderedcms.models import Classifier, ClassifierTerm, LayoutSettings, Navbar, NavbarOrderable
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.utils.timezone import now
from wagtail.models import Site
from website.models import (ArticleIndexPage, ArticlePage, EventIndexPage, EventOccurrence, EventPage, FormPage, FormPageField, LocationIndexPage,
                            LocationPage, WebPage)

drawn = random.Random(5)
people = [get_user_model().objects.create_superuser("chief", "chief@example.com", "secret")]
people += [get_user_model().objects.create_user(name, f"{name}@example.com", "secret") for name in ("ann", "ben", "cleo")]
words = "<p>" + "</p><p>".join("Some text that says what the page is about. " * 4 for _ in range(4)) + "</p>"


def block(kind, value):
    return {"type": kind, "id": str(uuid.uuid4()), "value": value}


def body():
    own = {"settings": {"custom_template": "", "custom_css_class": "", "custom_id": ""}}
    column = block("content", own | {"column_breakpoint": "md", "column_size": "", "content": [block("text", words)]})
    return json.dumps([block("row", own | {"fluid": False, "content": [column]})])


classifier = Classifier.objects.create(name="Category", slug="category")
terms = [ClassifierTerm.objects.create(classifier=classifier, name=name, slug=name.lower()) for name in ("News", "Travel", "Food", "Music")]
home = WebPage.objects.get(slug="home")


def add(parent, page):
    # A page's own default order is refused here, unlike in the administration's form.
    page.index_order_by = ""
    parent.add_child(instance=page)
    page.save_revision(user=people[0]).publish()
    return page


menu = []
for number in range(3):
    topic = add(home, WebPage(title=f"Topic {number}", slug=f"topic-{number}", body=body(), index_show_subpages=True))
    menu.append(topic)
    for part in range(4):
        add(topic, WebPage(title=f"Part {part} of {number}", slug=f"part-{part}", body=body()))
articles = add(home, ArticleIndexPage(title="Articles", slug="articles", index_show_subpages=True, index_num_per_page=10))
articles.index_classifiers.set([classifier])
articles.save()
for number in range(45):
    page = ArticlePage(title=f"Article {number}", slug=f"article-{number}", caption="What it says", author=drawn.choice(people), body=json.dumps([block("text", words)]),
                       date_display=datetime.date(2026, 1, 1) + datetime.timedelta(days=number), related_show=True)
    articles.add_child(instance=page)
    page.classifier_terms.set(drawn.sample(terms, 2))
    page.tags.add(*drawn.sample(["one", "two", "three", "four", "five"], 2))
    page.save_revision(user=people[0]).publish()
events = add(home, EventIndexPage(title="Events", slug="events", index_show_subpages=True))
for number in range(20):
    page = EventPage(title=f"Event {number}", slug=f"event-{number}", body=body(), address="Main street 1")
    start = now() + datetime.timedelta(days=number)
    page.occurrences = [EventOccurrence(start=start, end=start + datetime.timedelta(hours=2), repeat="RRULE:FREQ=WEEKLY" if number % 4 == 0 else "")]
    add(events, page)
places = add(home, LocationIndexPage(title="Places", slug="places", index_show_subpages=True))
for number in range(12):
    add(places, LocationPage(title=f"Place {number}", slug=f"place-{number}", address=f"Street {number}", latitude=50.0 + number, longitude=8.0, auto_update_latlng=False))
form = FormPage(title="Contact", slug="contact", body=body(), thank_you_page=menu[0], spam_protection=False)
form.form_fields = [FormPageField(label="Your name", field_type="singleline", required=True), FormPageField(label="Message", field_type="multiline", required=True)]
add(home, form)
navbar = Navbar.objects.create(name="Main", menu_items=json.dumps([
    block("page_link", {"settings": {"custom_template": "", "custom_css_class": "", "custom_id": ""}, "display_text": page.title, "page": page.pk, "sub_links": []})
    for page in (*menu, articles, events, places, form)]))
layout = LayoutSettings.for_site(Site.objects.get(is_default_site=True))
NavbarOrderable.objects.create(navbar_chooser=layout, navbar=navbar, sort_order=0)

session, user = SessionStore(), people[0]
session["_auth_user_id"], session["_auth_user_backend"] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
session["_auth_user_hash"] = user.get_session_auth_hash()
session.save()
open("cookie", "w").write(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
