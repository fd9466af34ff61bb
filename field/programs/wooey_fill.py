"""For `django-admin shell`: the scripts of the package's tests, and jobs of them that have run."""

import pathlib

import wooey
from django.contrib.auth.models import User
from django.core.management import call_command
from wooey.backend.utils import create_wooey_job
from wooey.models import ScriptVersion

ann = User.objects.create_superuser("ann", "ann@example.com", "secret")
folder = pathlib.Path(wooey.__file__).parent / "tests/scripts"
for name in ("choices.py", "choices_2.py", "command_order.py", "file_maker.py", "translate.py", "translate2.py", "subparser_script.py", "without_args.py", "multi_output.py"):
    call_command("addscript", str(folder / name), group="Examples" if "trans" not in name else "Biology")
versions = {str(version).split("(")[0].strip(): version for version in ScriptVersion.objects.all()}
for number in range(10):
    for name, data in (("without_args", {}), ("translate", {"sequence": "ACTGACTGAATTC", "out": f"out-{number}"}), ("command_order", {"link": "http://127.0.0.1/", "name": f"n{number}"})):
        version = versions[name]
        slugs = {parameter.slug: parameter.form_slug for parameter in version.scriptparameter_set.all()}
        values = {slugs[key]: value for key, value in data.items()}
        job = create_wooey_job(user=ann if number % 2 else None, script_version_pk=version.pk, data={"job_name": f"Job {number} of {name}", **values})
        job.submit_to_celery()
