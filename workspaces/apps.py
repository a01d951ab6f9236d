"""App configuration of organizations, workspaces and jobs."""

from django.apps import AppConfig

from workspaces.labels import make_translatable


class WorkspacesConfig(AppConfig):
    name = "workspaces"
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        super().import_models()
        # Before any form or page uses the models.
        make_translatable(*self.models.values())

    def ready(self) -> None:
        # Applications are imported before their models can be.
        from workspaces.models.history import keep_histories

        keep_histories()
