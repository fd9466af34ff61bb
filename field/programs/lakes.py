"""What pygeoapi serves: three hundred lakes as GeoJSON, two hundred observations as CSV; its configuration on standard output."""

import csv
import json
import sys

lakes = [{"type": "Feature", "id": n, "properties": {"id": n, "name": f"Lake {n}", "area": n * 13 % 700, "country": f"Country {n % 17}"},
          "geometry": {"type": "Polygon", "coordinates": [[[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1], [x, y]]]}}
         for n in range(300) for x, y in [(n * 7 % 340 - 170, n * 11 % 160 - 80)]]
json.dump({"type": "FeatureCollection", "features": lakes}, open("lakes.geojson", "w"))
with open("obs.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["id", "stn_id", "datetime", "value", "lat", "long"])
    rows.writerows([n, n % 20, f"2024-{1 + n % 12:02}-01T00:00:00Z", n * 37 % 100, n * 11 % 160 - 80, n * 7 % 340 - 170] for n in range(200))


def collection(title, kind, data, **more):
    provider = {"type": "feature", "name": kind, "data": data, "id_field": "id"} | more
    return {"type": "collection", "title": title, "description": title, "keywords": [title], "links": [],
            "extents": {"spatial": {"bbox": [-180, -90, 180, 90], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}}, "providers": [provider]}


text = {"en": "field"}
json.dump({
    "server": {"bind": {"host": "127.0.0.1", "port": int(sys.argv[1])}, "url": f"http://127.0.0.1:{sys.argv[1]}", "mimetype": "application/json; charset=UTF-8",
               "encoding": "utf-8", "languages": ["en-US"], "limits": {"default_items": 20, "max_items": 50},
               "map": {"url": "https://tile.openstreetmap.org/{z}/{x}/{y}.png", "attribution": "none"}, "templates": {}, "admin": False},
    "logging": {"level": "ERROR"},
    "metadata": {"identification": {"title": text, "description": text, "keywords": {"en": ["field"]}, "keywords_type": "theme", "terms_of_service": "none", "url": "http://example.com"},
                 "license": {"name": "CC", "url": "http://example.com"}, "provider": {"name": "field", "url": "http://example.com"},
                 "contact": {"name": "field", "position": "none", "address": "none", "city": "none", "stateorprovince": "none", "postalcode": "1", "country": "none",
                             "phone": "1", "fax": "1", "email": "a@example.com", "url": "http://example.com", "hours": "none", "instructions": "none", "role": "pointOfContact"}},
    "resources": {"lakes": collection("Lakes", "GeoJSON", "lakes.geojson", title_field="name"),
                  "obs": collection("Observations", "CSV", "obs.csv", geometry={"x_field": "long", "y_field": "lat"}),
                  "hello-world": {"type": "process", "processor": {"name": "HelloWorld"}}},
}, sys.stdout, indent=1)
