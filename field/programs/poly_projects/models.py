from django.contrib.auth.models import User
from django.db import models
from polymorphic.models import PolymorphicModel


class Project(PolymorphicModel):
    topic = models.CharField(max_length=60)
    owner = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)

    def __str__(self):
        return self.topic


class ArtProject(Project):
    artist = models.CharField(max_length=60)


class ResearchProject(Project):
    supervisor = models.CharField(max_length=60)


class FieldProject(ResearchProject):
    place = models.CharField(max_length=60)


class Task(PolymorphicModel):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tasks")
    title = models.CharField(max_length=80)

    def __str__(self):
        return self.title


class Deadline(Task):
    until = models.DateField()


class Visit(Task):
    who = models.ForeignKey(User, on_delete=models.CASCADE)
