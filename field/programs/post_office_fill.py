"""For `django-admin shell`: five templates with translations, and 120 mails that were queued before."""

from post_office import mail
from post_office.models import EmailTemplate

for name in ("welcome", "invoice", "reminder", "thanks", "goodbye"):
    template = EmailTemplate.objects.create(name=name, subject=f"{name.title()} {{{{ name }}}}", content="Dear {{ name }}, some words.", html_content="<p>Dear {{ name }}</p>")
    for code in ("de", "fr"):
        EmailTemplate.objects.create(default_template=template, name=name, language=code, subject=f"{name} ({code})", content="{{ name }}")
for number in range(120):
    mail.send(f"old{number}@example.com", "shop@example.com", template=["welcome", "invoice", "thanks"][number % 3], context={"name": f"Old {number}"})
