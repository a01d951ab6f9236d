"""The application of organizations, workspaces and jobs."""

from django.apps import AppConfig

from workspaces.labels import make_translatable


class WorkspacesConfig(AppConfig):
    name = "workspaces"
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        super().import_models()
        # Before any form or page is made of them.
        make_translatable(*self.models.values())
