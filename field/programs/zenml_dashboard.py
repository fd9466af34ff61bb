"""What the pages of ZenML's dashboard ask its server for: overview, pipelines, a run with its graph and steps, models, artifacts, stacks."""

import json
import sys
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path):
    try:
        with opener.open(f"{sys.argv[1]}/api/v1/{path}", timeout=60) as answer:
            return json.loads(answer.read())
    except OSError as error:
        print(path, error)
        return {}


ask("info")
project = ask("projects?size=1").get("items", [{}])[0].get("name", "default")
for visit in range(6):
    for path in ("current-user", "settings", f"projects/{project}/statistics", f"pipelines?hydrate=true&sort_by=desc%3Alatest_run&size=10&project={project}"):
        ask(path)
    runs = ask(f"runs?sort_by=desc%3Acreated&hydrate=true&size=10&project={project}").get("items", [])
    for run in runs[visit:visit + 2]:
        ask(f"runs/{run['id']}")
        ask(f"runs/{run['id']}/dag")
        ask(f"runs/{run['id']}/pipeline-configuration")
        for one in ask(f"steps?pipeline_run_id={run['id']}&size=20&project={project}").get("items", [])[:3]:
            ask(f"steps/{one['id']}")
            ask(f"steps/{one['id']}/step-configuration")
    for model in ask(f"models?hydrate=true&size=10&project={project}").get("items", []):
        ask(f"models/{model['id']}")
        for version in ask(f"models/{model['id']}/model_versions?hydrate=true&size=10").get("items", [])[:2]:
            ask(f"model_versions/{version['id']}")
            ask(f"model_version_artifacts?model_version_id={version['id']}&hydrate=true&size=20")
    for artifact in ask(f"artifact_versions?hydrate=true&sort_by=desc%3Acreated&size=10&project={project}").get("items", [])[:3]:
        ask(f"artifact_versions/{artifact['id']}")
    ask("stacks?hydrate=true&size=10")
    ask("components?hydrate=true&size=20")
    ask("users?size=10")
