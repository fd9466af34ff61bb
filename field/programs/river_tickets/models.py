from django.contrib.auth.models import User
from django.db import models
from river.models.fields.state import StateField


class Ticket(models.Model):
    no = models.CharField("Number", max_length=50, unique=True)
    subject = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    reporter = models.ForeignKey(User, on_delete=models.CASCADE)
    status = StateField()

    def __str__(self):
        return self.subject
