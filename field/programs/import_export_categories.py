# For `manage.py shell`: the categories that books are put into.
from core.models import Category, Parent

Category.objects.bulk_create(Category(name=f"Category {n}") for n in range(12))
Parent.objects.bulk_create(Parent(name=f"Parent {n}") for n in range(5))
