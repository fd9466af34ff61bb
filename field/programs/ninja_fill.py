"""Fills the staff's database: 12 departments, 150 employees with skills, 40 tasks of 6 people."""

import random
from datetime import date

from django.contrib.auth.models import User
from ninja_staff.models import Department, Employee, Skill, Task

drawn = random.Random(2)
departments = [Department.objects.create(title=f"Department {number}") for number in range(12)]
skills = [Skill.objects.create(name=name) for name in ("python", "sales", "law", "design", "support", "writing")]
for number in range(150):
    employee = Employee.objects.create(first_name=f"First {number}", last_name=f"Last {number % 40}", department=drawn.choice(departments),
                                       birthdate=date(1960 + number % 40, number % 12 + 1, 5))
    employee.skills.set(drawn.sample(skills, drawn.randrange(4)))
people = [User.objects.create_user(f"user{number}", first_name=f"User {number}") for number in range(6)]
for number in range(40):
    Task.objects.create(title=f"Task {number}", owner=drawn.choice([*people, None]))
