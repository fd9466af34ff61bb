"""For `django-admin shell`: rows of every model of the applications in FIELD_FILL (labels, separated by commas), as many as FIELD_ROWS
says, with values that the fields' kinds, choices and limits allow; keys refer to rows that are there. FIELD_SKIP names models to
leave out, FIELD_SET values: MODEL.FIELD=PYTHON, separated by semicolons, where `n` is the row's number. FIELD_CODE is run at the end."""

import datetime
import os
import random
import uuid

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction

drawn = random.Random(7)
rows = int(os.environ.get("FIELD_ROWS", "40"))
skipped = set(filter(None, os.environ.get("FIELD_SKIP", "").lower().split(",")))
given = dict(one.split("=", 1) for one in os.environ.get("FIELD_SET", "").split(";") if one)
start = datetime.datetime(2026, 1, 1, 9, tzinfo=datetime.timezone.utc)
words = "amber birch cedar delta ember fjord grove heath inlet jetty knoll ledge maple north ocean prairie quartz ridge shore tower".split()
People = get_user_model()
People.objects.create_superuser("ann", "ann@example.com", "secret")
people = [People.objects.create_user(f"person{number}", f"person{number}@example.org", "secret") for number in range(20)]


def value(model, field, n):
    key = f"{model._meta.model_name}.{field.name}"
    if key in given:
        return eval(given[key], {"n": n, "drawn": drawn, "words": words, "start": start, "datetime": datetime, "people": people, "ContentType": ContentType, "uuid": uuid, "apps": apps})
    if isinstance(field, models.ForeignKey):
        there = list(field.related_model._default_manager.all()[:200])
        if field.related_model is model and n % 3 == 0:
            return None
        if not there:
            return None
        return there[n % len(there)] if field.unique else drawn.choice(there)
    if field.choices:
        return drawn.choice([one for one, _ in field.flatchoices if one not in ("", None)])
    if field.has_default() and not field.unique:
        default = field.get_default()
        if default not in ("", None):
            return default
    text = f"{drawn.choice(words)} {n}"
    is_end = any(word in field.name for word in ("end", "finish", "until", "expir"))
    if isinstance(field, (models.SlugField,)):
        return text.replace(" ", "-")
    if isinstance(field, models.EmailField):
        return f"{drawn.choice(words)}{n}@example.org"
    if isinstance(field, models.URLField):
        return f"http://example.org/{drawn.choice(words)}/{n}"
    if isinstance(field, models.UUIDField):
        return uuid.UUID(int=drawn.getrandbits(128))
    if isinstance(field, models.ImageField):
        return ""
    if isinstance(field, models.FileField):
        name = f"{drawn.choice(words)}{n}.txt"
        os.makedirs(settings.MEDIA_ROOT, exist_ok=True)
        with open(os.path.join(settings.MEDIA_ROOT, name), "w") as file:
            file.write(text)
        return name
    if isinstance(field, models.JSONField):
        return {}
    if isinstance(field, (models.CharField, models.TextField)):
        return text[-field.max_length:] if field.max_length else text
    if isinstance(field, models.BooleanField):
        return n % 2 == 0
    if isinstance(field, models.DateTimeField):
        return start + datetime.timedelta(hours=5 * n + is_end)
    if isinstance(field, models.DateField):
        return (start + datetime.timedelta(days=n)).date()
    if isinstance(field, models.TimeField):
        return datetime.time(8 + n % 10 + is_end)
    if isinstance(field, models.DurationField):
        return datetime.timedelta(minutes=30 + n)
    if isinstance(field, models.GenericIPAddressField):
        return f"10.0.{n // 250}.{n % 250 + 1}"
    if isinstance(field, (models.DecimalField, models.FloatField)):
        return n % 9 + 1
    if isinstance(field, models.IntegerField):
        return n + 1
    if isinstance(field, models.BinaryField):
        return b"x"
    return None if field.null else text


def fill(model):
    if model._meta.model_name in skipped or model._meta.proxy or not model._meta.managed:
        return
    made = failed = 0
    for n in range(rows):
        try:
            with transaction.atomic():
                fields = [field for field in model._meta.concrete_fields if not field.primary_key or isinstance(field, (models.CharField, models.OneToOneField))]
                fields = [field for field in fields if not getattr(field, "auto_now", False) and not getattr(field, "auto_now_add", False)]
                values = {field.name: value(model, field, n) for field in fields}
                values = {name: one for name, one in values.items() if one is not None}
                for name in [field.name for field in model._meta.private_fields if hasattr(field, "ct_field")]:
                    field = model._meta.get_field(name)
                    values.pop(field.ct_field, None), values.pop(field.fk_field, None)
                    values[name] = people[n % len(people)]
                one = model(**values)
                one.save()
                for field in model._meta.many_to_many:
                    if field.remote_field.through._meta.auto_created:
                        there = list(field.related_model._default_manager.all()[:50])
                        getattr(one, field.name).set(drawn.sample(there, min(3, len(there))))
            made += 1
        except Exception as error:
            failed += 1
            last = f"{type(error).__name__}: {error}"
    print(model._meta.label, made, "rows", f"({failed} failed, the last with {last[:200]})" if failed else "")


models_to_fill = [model for label in os.environ["FIELD_FILL"].split(",") if label for model in apps.get_app_config(label).get_models()]
def waits(model, even_if_null):
    """Whether the model refers to another one whose rows are still to come."""
    keys = [field for field in model._meta.concrete_fields if field.is_relation and field.related_model and (even_if_null or not field.null)]
    return any(field.related_model in models_to_fill and field.related_model is not model for field in keys)


while models_to_fill:
    # What others refer to comes first.
    ready = [model for model in models_to_fill if not waits(model, True)] or [model for model in models_to_fill if not waits(model, False)][:1]
    for model in ready or models_to_fill[:1]:
        fill(model)
        models_to_fill.remove(model)
exec(os.environ.get("FIELD_CODE", ""))
