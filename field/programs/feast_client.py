"""A service that asks the feature server for drivers' features while it ranks them, and tells it of new ones.

feast_client.py ADDRESS
"""

import json
import random
import sys
import time
import urllib.error
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
drawn = random.Random(6)
stats = ["driver_hourly_stats:conv_rate", "driver_hourly_stats:acc_rate", "driver_hourly_stats:avg_daily_trips"]


def ask(path, body):
    request = urllib.request.Request(sys.argv[1] + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with opener.open(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        print(path, error.code, error.read()[:300])


for number in range(60):
    near = drawn.sample(range(1001, 1151), drawn.choice((1, 5, 20)))
    found = ask("/get-online-features", {"features": stats, "entities": {"driver_id": near}})
    if number == 0:
        print(json.dumps(found)[:300])
    amounts = [number * 10 + n for n in range(len(near))]
    given = {"driver_id": near, "val_to_add": amounts, "val_to_add_2": amounts}
    ask("/get-online-features", {"feature_service": f"driver_activity_v{number % 3 + 1}", "entities": given})
    if number % 6 == 0:
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        ask("/push", {"push_source_name": "driver_stats_push_source", "to": "online",
                      "df": {"driver_id": near, "conv_rate": [0.5] * len(near), "acc_rate": [0.9] * len(near), "avg_daily_trips": [9] * len(near),
                             "driver_metadata": [{"vehicle_type": "sedan"}] * len(near), "driver_config": ['{"max_distance_km": 100}'] * len(near),
                             "driver_profile": [{"name": "driver", "age": "30"}] * len(near),
                             "event_timestamp": [now] * len(near), "created": [now] * len(near)}})
    time.sleep(0.1)
