"""For `django shell`: ten categories, a hundred and twenty ingredients and forty recipes."""

from graphene_cookbook.models import Amount, Category, Ingredient, Recipe

CATEGORIES = ["Dairy", "Meat", "Fruit", "Vegetables", "Spices", "Grains", "Fish", "Nuts", "Oils", "Drinks"]
categories = [Category.objects.create(name=name) for name in CATEGORIES]
ingredients = [Ingredient.objects.create(name=f"{categories[n % 10].name} {n}", notes=f"Note {n}" * (n % 3), category=categories[n % 10]) for n in range(120)]
for number in range(40):
    recipe = Recipe.objects.create(title=f"Recipe {number}", instructions="Mix and wait. " * (5 + number % 7))
    Amount.objects.bulk_create(Amount(recipe=recipe, ingredient=ingredients[(number * 7 + n * 11) % 120], quantity=n + 0.5, unit="kg") for n in range(3 + number % 5))
