"""The application that runs steps."""

from django.apps import AppConfig
from django.core.checks import register


class ExecutorsConfig(AppConfig):
    name = "executors"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from executors.conf import check_installation

        register(check_installation)
