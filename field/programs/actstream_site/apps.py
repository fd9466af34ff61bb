from django.apps import AppConfig


class Site(AppConfig):
    name = "actstream_site"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        # As its page on preparation says: models are registered when the applications are there.
        from actstream import registry
        from django.contrib.auth.models import Group, User

        for model in (User, Group, self.get_model("Article")):
            registry.register(model)
