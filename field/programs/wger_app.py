"""What wger's own app for phones asks for: exercises and lists once, then each workout and plan, and a training that is logged."""

import datetime
import json
import sys
import urllib.error
import urllib.request

base, token = sys.argv[1], open("token").read()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json", "Accept": "application/json"}
    try:
        with opener.open(urllib.request.Request(f"{base}/api/v2/{path}", data, headers, method=method), timeout=60) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        print(path, error.code, error.read()[:200])
        return {}


def pages(path):
    """All that a list has, page after page, as the app fetches it."""
    found, offset = [], 0
    while True:
        answer = ask(f"{path}{'&' if '?' in path else '?'}limit=50&offset={offset}")
        found += answer.get("results", [])
        offset += 50
        if not answer.get("next"):
            return found


today = datetime.date.today()
for kind in ("min-app-version/", "userprofile/", "daysofweek/", "language/", "exercisecategory/", "muscle/", "equipment/", "setting-repetitionunit/", "setting-weightunit/"):
    ask(kind)
bases = pages("exercisebaseinfo/")
for page in range(3):
    ask(f"exerciseinfo/?limit=20&offset={page * 20}&language=2")
for word in ("press", "curl", "squat", "row"):
    ask(f"exercise/search/?term={word}&language=en")
for plan in pages("workout/"):
    for day in pages(f"day/?training={plan['id']}"):
        for group in pages(f"set/?exerciseday={day['id']}"):
            pages(f"setting/?set={group['id']}")
    ask(f"workout/{plan['id']}/log_data/?id={bases[3]['id']}")
    pages(f"workoutlog/?workout={plan['id']}")
    pages("workoutsession/")
plan = ask("workout/")["results"][0]["id"]
session = ask("workoutsession/", {"workout": plan, "date": str(today - datetime.timedelta(days=100)), "impression": "3", "notes": "From the app"})
for exercise in bases[:8]:
    for number in range(3):
        ask("workoutlog/", {"workout": plan, "exercise_base": exercise["id"], "reps": 8, "repetition_unit": 1, "weight": 30 + number, "weight_unit": 1, "date": str(today), "rir": None})
new = ask("workout/", {"name": "From the app", "description": "Short"})
day = ask("day/", {"training": new.get("id"), "description": "Arms", "day": [1, 4]})
for order in range(4):
    group = ask("set/", {"exerciseday": day.get("id"), "sets": 3, "order": order + 1})
    ask("setting/", {"set": group.get("id"), "exercise_base": bases[order * 5]["id"], "reps": 10, "weight": "20", "order": 1, "repetition_unit": 1, "weight_unit": 1})
for plan in pages("nutritionplaninfo/"):
    ask(f"nutritionplan/{plan['id']}/nutritional_values/")
    pages(f"nutritiondiary/?plan={plan['id']}")
    for meal in plan["meals"]:
        for item in meal["meal_items"]:
            ask("nutritiondiary/", {"plan": plan["id"], "meal": meal["id"], "ingredient": item["ingredient"], "amount": item["amount"], "datetime": datetime.datetime.now().isoformat()})
for word in ("milk", "bread", "apple", "cheese"):
    for found in ask(f"ingredient/search/?term={word}&language=en").get("suggestions", [])[:3]:
        ask(f"ingredientinfo/{found['data']['id']}/")
pages("weightentry/?ordering=-date")
for day in range(5):
    ask("weightentry/", {"date": str(today - datetime.timedelta(days=200 + day)), "weight": "79.5"})
for category in pages("measurement-category/"):
    pages(f"measurement/?category={category['id']}")
    ask("measurement/", {"category": category["id"], "date": str(today - datetime.timedelta(days=300)), "value": 41, "notes": ""})
