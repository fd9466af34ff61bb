# For `pretix shell`: an organizer with two events, their tickets, a team with a token, and a session as a cookie in a file.
import datetime

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.utils.timezone import now
from django_scopes import scopes_disabled
from pretix.base.models import Event, Organizer, Team, TeamAPIToken, User

with scopes_disabled():
    user = User.objects.create_superuser("ann@example.com", "secret")
    organizer = Organizer.objects.create(name="Fair", slug="fair", plugins="pretix.plugins.banktransfer")
    team = Team.objects.create(organizer=organizer, name="Everybody", all_events=True, all_event_permissions=True, all_organizer_permissions=True)
    team.members.add(user)
    token = TeamAPIToken.objects.create(team=team, name="till")
    for number, slug in enumerate(("summer", "winter")):
        event = Event.objects.create(organizer=organizer, name=f"Fair in {slug}", slug=slug, currency="EUR", live=True, testmode=False,
                                     plugins="pretix.plugins.banktransfer,pretix.plugins.ticketoutputpdf,pretix.plugins.checkinlists,pretix.plugins.reports",
                                     date_from=now() + datetime.timedelta(days=60 + number * 90), date_to=now() + datetime.timedelta(days=62 + number * 90))
        event.set_defaults()
        event.settings.set("payment_banktransfer__enabled", True)
        event.settings.set("payment_banktransfer_ack", True)
        event.settings.set("payment_banktransfer_bank_details_type", "other")
        event.settings.set("payment_banktransfer_bank_details", "A bank")
        event.settings.set("attendee_names_asked", True)
        event.settings.set("timezone", "UTC")
        days = event.categories.create(name="Days", position=1)
        more = event.categories.create(name="More", position=2)
        tax = event.tax_rules.create(name="VAT", rate=19)
        for position, name in enumerate(("Friday", "Saturday", "Sunday", "All days", "Parking", "Dinner", "T-shirt")):
            item = event.items.create(name=name, default_price=10 + position * 5, tax_rule=tax, admission=position < 4, personalized=position < 4, active=True,
                                      category=days if position < 4 else more, position=position)
            quota = event.quotas.create(name=name, size=400)
            quota.items.add(item)
            if name == "T-shirt":
                for size in "SML":
                    quota.variations.add(item.variations.create(value=size, position=ord(size)))
        event.checkin_lists.create(name="Door", all_products=True)
        for voucher in range(20):
            event.vouchers.create(code=f"FRIEND{slug.upper()}{voucher}", price_mode="percent", value=20, max_usages=5)
        question = event.questions.create(question="How did you find us?", type="S", required=False, identifier="FOUND")
        question.items.add(event.items.first())

session = SessionStore()
session["_auth_user_id"], session["_auth_user_backend"] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
session["_auth_user_hash"] = user.get_session_auth_hash()
session["pretix_auth_login_time"] = session["pretix_auth_last_used"] = int(now().timestamp())
session["pretix_auth_long_session"] = True
session.save()
open("cookie", "w").write(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
open("token", "w").write(token.token)
