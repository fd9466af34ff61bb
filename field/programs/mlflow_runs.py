"""MLflow's tracking quickstart: runs with parameters, metrics and artifacts, then what the pages ask for."""

import sys
import tempfile

import mlflow

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("quickstart")
for number in range(8):
    with mlflow.start_run(run_name=f"run {number}") as run:
        mlflow.log_params({"alpha": number / 10, "depth": number, "kind": "tree" if number % 2 else "line"})
        for step in range(6):
            mlflow.log_metric("loss", 1 / (step + number + 1), step=step)
            mlflow.log_metric("accuracy", step / 6, step=step)
        mlflow.set_tags({"team": "field", "stage": "trial"})
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("a model" * 100)
            file.flush()
            mlflow.log_artifact(file.name)
client = mlflow.MlflowClient()
experiment = client.get_experiment_by_name("quickstart")
client.create_registered_model("model")
for _ in range(5):
    runs = client.search_runs([experiment.experiment_id], order_by=["metrics.loss ASC"], max_results=50)
    client.search_runs([experiment.experiment_id], "metrics.accuracy > 0.5 and params.kind = 'tree'")
    client.search_experiments()
    client.search_registered_models()
    for run in runs[:4]:
        client.get_run(run.info.run_id)
        client.get_metric_history(run.info.run_id, "loss")
        client.list_artifacts(run.info.run_id)
for run in runs[:3]:
    client.create_model_version("model", f"{run.info.artifact_uri}/model", run.info.run_id)
client.search_model_versions("name='model'")
client.delete_run(runs[0].info.run_id)
