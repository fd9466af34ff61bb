"""Fills a new wger: eleven members with workouts, eight weeks of logs and weights, meal plans and measurements, and a session."""

import datetime
import random

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import transaction
from rest_framework.authtoken.models import Token
from wger.core.models import DaysOfWeek, Language, UserCache
from wger.exercises.models import ExerciseBase
from wger.manager.models import Day, Schedule, ScheduleStep, Set, Setting, Workout, WorkoutLog, WorkoutSession
from wger.measurements.models import Category, Measurement
from wger.nutrition.models import Ingredient, LogItem, Meal, MealItem, NutritionPlan
from wger.weight.models import WeightEntry

transaction.set_autocommit(False)
drawn, today = random.Random(5), datetime.date.today()
call_command("loaddata", "ingredients.json", ignore=True)
english = Language.objects.get(short_name="en")
people = [User.objects.get(username="admin")]
people += [User.objects.create_user(f"member{number}", f"member{number}@example.com", "secret-words1") for number in range(10)]
UserCache.objects.get_or_create(user=people[0])
exercises = list(ExerciseBase.objects.all()[:120])
foods = list(Ingredient.objects.all()[:150])
print(len(exercises), "exercises", len(foods), "foods")
for person in people:
    print(person, Token.objects.get_or_create(user=person)[0].key)
    for number in range(3):
        workout = Workout.objects.create(user=person, name=f"Plan {number}", description="For the season")
        for weekday in (1, 3, 5):
            day = Day.objects.create(training=workout, description=f"Day {weekday}")
            day.day.set(DaysOfWeek.objects.filter(pk=weekday))
            for order in range(4):
                group, exercise = Set.objects.create(exerciseday=day, order=order + 1, sets=3), drawn.choice(exercises)
                for place in range(3):
                    Setting.objects.create(set=group, exercise_base=exercise, reps=drawn.choice((6, 8, 10)), weight=drawn.randrange(20, 90, 5), order=place + 1)
    workout = Workout.objects.filter(user=person).first()
    done = [setting.exercise_base for setting in Setting.objects.filter(set__exerciseday__training=workout)[::3]]
    for week in range(8):
        for weekday in (0, 2, 4):
            date = today - datetime.timedelta(days=7 * week + weekday)
            WorkoutSession.objects.get_or_create(user=person, workout=workout, date=date, defaults={"impression": "3", "notes": "Good."})
            for exercise in drawn.sample(done, 4):
                WorkoutLog.objects.create(user=person, workout=workout, exercise_base=exercise, date=date, reps=8, weight=40 + week)
    for day in range(0, 120, 3):
        WeightEntry.objects.create(user=person, date=today - datetime.timedelta(days=day), weight=80 + drawn.randrange(40) / 10)
    schedule = Schedule.objects.create(user=person, name="The year", start_date=today, is_active=True)
    for order, step in enumerate(Workout.objects.filter(user=person)):
        ScheduleStep.objects.create(schedule=schedule, workout=step, duration=4, order=order + 1)
    for number in range(2):
        plan = NutritionPlan.objects.create(user=person, language=english, description=f"Meals {number}")
        for order, name in enumerate(("Breakfast", "Lunch", "Dinner")):
            meal = Meal.objects.create(plan=plan, order=order + 1, name=name)
            for place, food in enumerate(drawn.sample(foods, 4)):
                MealItem.objects.create(meal=meal, ingredient=food, amount=drawn.randrange(30, 300, 10), order=place + 1)
                LogItem.objects.create(plan=plan, meal=meal, ingredient=food, amount=drawn.randrange(30, 300, 10))
    for name in ("Biceps", "Waist"):
        category = Category.objects.create(user=person, name=name, unit="cm")
        for day in range(0, 60, 4):
            Measurement.objects.create(category=category, date=today - datetime.timedelta(days=day), value=40 + drawn.randrange(30) / 10)

person = User.objects.get(username="member0")
open("token", "w").write(Token.objects.get(user=person).key)
session = SessionStore()
session["_auth_user_id"], session["_auth_user_backend"] = str(person.pk), settings.AUTHENTICATION_BACKENDS[0]
session["_auth_user_hash"] = person.get_session_auth_hash()
session.save()
transaction.commit()
open("cookie", "w").write(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
