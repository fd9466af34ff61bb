"""For `django-admin shell`: a company with the made-up data that the package's own generator writes, over half a year."""

import datetime
import random

from django.contrib.auth.models import User
from django_ledger.models.entity import EntityModel

random.seed(4)
ann = User.objects.create_superuser("ann", "ann@example.com", "secret")
company = EntityModel.create_entity(name="Field & Daughters", admin=ann, use_accrual_method=True, fy_start_month=1)
company.populate_random_data(start_date=datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=180), days_forward=170, tx_quantity=45)
