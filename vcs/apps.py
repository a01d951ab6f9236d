"""Django application of version control systems."""

from django.apps import AppConfig

from workspaces.labels import make_translatable


class VcsConfig(AppConfig):
    name = "vcs"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "VCS"

    def import_models(self) -> None:
        super().import_models()
        make_translatable(*self.models.values())
