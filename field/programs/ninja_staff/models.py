"""The tutorial's departments and employees, with skills, and the tasks that its page on responses has."""

from django.contrib.auth.models import User
from django.db import models


class Department(models.Model):
    title = models.CharField(max_length=100)


class Skill(models.Model):
    name = models.CharField(max_length=50)


class Employee(models.Model):
    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    department = models.ForeignKey(Department, on_delete=models.CASCADE)
    birthdate = models.DateField(null=True, blank=True)
    cv = models.FileField(null=True, blank=True)
    skills = models.ManyToManyField(Skill, blank=True)


class Task(models.Model):
    title = models.CharField(max_length=200)
    is_completed = models.BooleanField(default=False)
    owner = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL)
