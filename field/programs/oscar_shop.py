# For `manage.py shell` of an Oscar shop: 90 products in nine categories with pictures and reviews, offers, a voucher, customers.
import random
from decimal import Decimal
from io import BytesIO

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.utils import timezone
from oscar.apps.catalogue.categories import create_from_breadcrumbs
from oscar.core.loading import get_model
from PIL import Image

draw = random.Random(3)
model = {name: get_model(*name.split(".")) for name in (
    "catalogue.Product", "catalogue.ProductClass", "catalogue.ProductAttribute", "catalogue.ProductImage", "catalogue.ProductRecommendation", "partner.Partner", "partner.StockRecord",
    "address.Country", "reviews.ProductReview", "offer.Range", "offer.Condition", "offer.Benefit", "offer.ConditionalOffer", "voucher.Voucher")}
User = get_user_model()
people = [User.objects.create_user(f"person{n}", f"person{n}@example.com", "secret-words") for n in range(12)]
for code, name in (("GB", "United Kingdom"), ("DE", "Germany"), ("FR", "France")):
    model["address.Country"].objects.create(iso_3166_1_a2=code, iso_3166_1_a3=code + "X", printable_name=name, name=name, is_shipping_country=True)
partners = [model["partner.Partner"].objects.create(name=f"Supplier {n}") for n in range(3)]
kind = model["catalogue.ProductClass"].objects.create(name="Book")
for code in ("author", "pages", "language"):
    model["catalogue.ProductAttribute"].objects.create(product_class=kind, name=code.title(), code=code, type="integer" if code == "pages" else "text")
categories = [create_from_breadcrumbs(f"Books > {one} > {two}") for one in ("Fiction", "Science", "Arts") for two in ("New", "Classics", "Bargains")]
products = []
for n in range(90):
    product = model["catalogue.Product"](title=f"Book number {n}", upc=f"upc{n}", product_class=kind, description="A good book. " * 30)
    product.attr.author, product.attr.pages, product.attr.language = f"Author {n % 20}", 100 + n, "English"
    product.save()
    product.categories.add(categories[n % 9])
    model["partner.StockRecord"].objects.create(product=product, partner=partners[n % 3], partner_sku=f"sku{n}", price=Decimal(draw.randint(5, 60)), num_in_stock=draw.randint(5, 90))
    picture = BytesIO()
    Image.new("RGB", (300, 400), (n * 2, 90, 200 - n)).save(picture, "JPEG")
    model["catalogue.ProductImage"].objects.create(product=product, original=ContentFile(picture.getvalue(), f"book{n}.jpg"))
    for person in draw.sample(people, n % 4):
        model["reviews.ProductReview"].objects.create(product=product, user=person, score=draw.randint(2, 5), title="Read it", body="I liked most of it. " * 5, status=1)
    if products:
        model["catalogue.ProductRecommendation"].objects.create(primary=product, recommendation=draw.choice(products))
    products.append(product)
everything = model["offer.Range"].objects.create(name="Everything", includes_all_products=True)
for number, (name, kind_of, value) in enumerate((("Three for less", "Percentage", 10), ("Five off", "Absolute", 5))):
    condition = model["offer.Condition"].objects.create(range=everything, type="Count" if number == 0 else "Value", value=3 if number == 0 else 80)
    benefit = model["offer.Benefit"].objects.create(range=everything, type=kind_of, value=value)
    model["offer.ConditionalOffer"].objects.create(name=name, condition=condition, benefit=benefit, offer_type="Site")
condition = model["offer.Condition"].objects.create(range=everything, type="Count", value=1)
benefit = model["offer.Benefit"].objects.create(range=everything, type="Percentage", value=20)
offer = model["offer.ConditionalOffer"].objects.create(name="With the code", condition=condition, benefit=benefit, offer_type="Voucher")
now = timezone.now()
voucher = model["voucher.Voucher"].objects.create(name="Spring", code="SPRING", usage="Multi-use", start_datetime=now - timezone.timedelta(days=1), end_datetime=now + timezone.timedelta(days=30))
voucher.offers.add(offer)
