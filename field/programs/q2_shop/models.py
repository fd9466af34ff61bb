from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=80)
    email = models.EmailField()
    welcomed = models.BooleanField(default=False)


class Order(models.Model):
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="orders")
    dollars = models.FloatField()
    euros = models.FloatField(null=True)
    placed = models.DateTimeField(auto_now_add=True)


class Mail(models.Model):
    receiver = models.EmailField()
    subject = models.CharField(max_length=120)
    sent = models.DateTimeField(auto_now_add=True)


class Report(models.Model):
    text = models.TextField()
    made = models.DateTimeField(auto_now_add=True)
