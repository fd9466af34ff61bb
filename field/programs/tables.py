"""Four hundred places as JSON, for a database to be made of."""

import json

rows = [{"name": f"Place {n}", "country": f"Country {n % 17}", "kind": ["town", "lake", "hill"][n % 3], "height": n * 37 % 2900}
        for n in range(400)]
print(json.dumps(rows))
