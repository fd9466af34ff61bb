"""For `django-admin shell`: five trees of categories, three levels deep, and 300 products."""

import random

from mptt_shop.models import Category, Product

drawn = random.Random(9)
leaves = []
with Category.objects.delay_mptt_updates():
    for top in ("Books", "Tools", "Music", "Garden", "Kitchen"):
        root = Category.objects.create(name=top)
        for middle in range(4):
            below = Category.objects.create(name=f"{top} {middle}", parent=root)
            leaves += [Category.objects.create(name=f"{top} {middle}.{leaf}", parent=below) for leaf in range(3)]
for number in range(300):
    Product.objects.create(name=f"Product {number}", category=drawn.choice(leaves), price=drawn.randint(1, 90))
