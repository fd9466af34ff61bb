from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=80)
    price = models.IntegerField()

    def __str__(self):
        return self.name


class Review(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="reviews")
    words = models.TextField()
