"""Products, reviews, people in groups, and the flags, switches and samples of the shop."""
from django.contrib.auth.models import Group, User
from waffle.models import Flag, Sample, Switch
from waffle_shop.models import Product, Review

products = Product.objects.bulk_create(Product(name=f"Product {n}", price=n % 60 + 3) for n in range(150))
Review.objects.bulk_create(Review(product=product, words=f"Good as the {n}th") for product in products for n in range(product.pk % 5))
groups = [Group.objects.create(name=name) for name in ("testers", "friends")]
User.objects.create_superuser("admin", password="secret")
for n in range(16):
    person = User.objects.create_user(f"person{n}", password="secret", is_staff=n % 8 == 0)
    person.groups.add(groups[n % 2])
Flag.objects.create(name="dear_first", percent=50)
Flag.objects.create(name="similar", authenticated=True)
Flag.objects.create(name="new_search", percent=30, testing=True)
Flag.objects.create(name="banner", everyone=True)
Flag.objects.create(name="wish_list").groups.add(groups[0])
Flag.objects.create(name="staff_only", staff=True)
for name in ("statistics", "reviews", "gift_cards"):
    Switch.objects.create(name=name, active=name != "gift_cards")
Sample.objects.create(name="survey", percent=25)
