"""Makes labels of parcels."""

import logging
import os

import requests
from flask import Flask, request

app = Flask("labels")
RATES = os.environ["RATES_URL"]
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
log = logging.getLogger("labels")


class LabelError(Exception):
    pass


def rate(zone, grams):
    answer = requests.get(f"{RATES}/rates/{zone}", params={"grams": grams}, timeout=10)
    try:
        answer.raise_for_status()
    except requests.HTTPError as error:
        raise LabelError("a label could not be priced") from error
    return answer.json()["cents"]


@app.post("/labels")
def label():
    parcel = request.get_json()
    cents = rate(parcel["zone"], parcel["grams"])
    log.info("label of %d cents", cents)
    return {"label": f"L{parcel['number']}", "cents": cents}


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]), threaded=True)
