from django.db import models


class Category(models.Model):
    name = models.CharField(max_length=100)


class Ingredient(models.Model):
    name = models.CharField(max_length=100)
    notes = models.TextField(blank=True)
    category = models.ForeignKey(Category, related_name="ingredients", on_delete=models.CASCADE)


class Recipe(models.Model):
    title = models.CharField(max_length=100)
    instructions = models.TextField()


class Amount(models.Model):
    recipe = models.ForeignKey(Recipe, related_name="amounts", on_delete=models.CASCADE)
    ingredient = models.ForeignKey(Ingredient, related_name="used_by", on_delete=models.CASCADE)
    quantity = models.FloatField()
    unit = models.CharField(max_length=20, choices=[("unit", "Units"), ("kg", "Kilograms"), ("l", "Litres")])
