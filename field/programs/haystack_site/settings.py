"""Notes with search, after the tutorial of django-haystack, on its Whoosh backend."""

import pathlib

from django_site import *

ROOT_URLCONF = "haystack_site.urls"
INSTALLED_APPS += ["haystack", "haystack_site"]
TEMPLATES[0]["DIRS"] = [pathlib.Path(__file__).parent / "templates"]
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.whoosh_backend.WhooshEngine", "PATH": str(BASE / "index")}}
HAYSTACK_SIGNAL_PROCESSOR = "haystack.signals.RealtimeSignalProcessor"
