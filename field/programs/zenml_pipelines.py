"""Pipelines as ZenML's guides show them: data loaded, split, models trained for several settings, compared and promoted, and a batch of predictions."""

import random
from typing import Annotated

from zenml import ArtifactConfig, Model, get_step_context, log_metadata, pipeline, step
from zenml.client import Client


@step
def load(rows: int) -> Annotated[list, "rows"]:
    drawn = random.Random(rows)
    return [(drawn.random(), drawn.random(), drawn.randrange(2)) for _ in range(rows)]


@step
def split(rows: list) -> tuple[Annotated[list, "train"], Annotated[list, "test"]]:
    at = len(rows) * 3 // 4
    return rows[:at], rows[at:]


@step
def train(rows: list, depth: int) -> Annotated[dict, ArtifactConfig(name="classifier")]:
    ones = [row for row in rows if row[2]]
    return {"depth": depth, "edge": sum(row[0] for row in ones) / len(ones)}


@step
def evaluate(model: dict, rows: list) -> Annotated[float, "accuracy"]:
    right = sum((row[0] > model["edge"]) == bool(row[2]) for row in rows)
    log_metadata(metadata={"accuracy": right / len(rows), "depth": model["depth"]}, artifact_name="accuracy", infer_artifact=True)
    return right / len(rows)


@step
def promote(accuracies: list[float]) -> Annotated[float, "best"]:
    get_step_context().model.set_stage("staging", force=True)
    return max(accuracies)


@step
def predict(model: dict, rows: list) -> Annotated[list, "predictions"]:
    return [row[0] > model["edge"] for row in rows]


@pipeline
def training(rows: int, depths: list[int]):
    learned, kept = split(load(rows))
    promote([evaluate(train(learned, depth), kept) for depth in depths])


@pipeline
def prediction(rows: int):
    predict(Client().get_artifact_version("classifier"), load(rows))


def main():
    for number in range(4):
        training.with_options(model=Model(name="customers", tags=["guide"]))(rows=200 + number, depths=[2, 3, 4])
    for number in range(3):
        prediction(rows=50 + number)
    client = Client()
    for run in client.list_pipeline_runs(sort_by="desc:created", size=5):
        print(run.name, run.status, {name: step.status for name, step in client.get_pipeline_run(run.id).steps.items()})
    print(client.get_artifact_version("classifier").load())
    print([version.number for version in client.list_model_versions("customers")])


if __name__ == "__main__":
    main()
