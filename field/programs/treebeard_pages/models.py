from django.db import models
from treebeard.al_tree import AL_Node
from treebeard.mp_tree import MP_Node
from treebeard.ns_tree import NS_Node


class Page(MP_Node):
    title = models.CharField(max_length=80)
    text = models.TextField(blank=True)

    def __str__(self):
        return self.title


class Unit(AL_Node):
    name = models.CharField(max_length=80)
    parent = models.ForeignKey("self", related_name="children_set", null=True, db_index=True, on_delete=models.CASCADE)
    sib_order = models.PositiveIntegerField()

    def __str__(self):
        return self.name


class Subject(NS_Node):
    name = models.CharField(max_length=80)
    node_order_by = ["name"]

    def __str__(self):
        return self.name
