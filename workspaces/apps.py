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
        from workspaces.jobs.transitions.listeners import tell_of_moves
        from workspaces.models.history import keep_histories
        from workspaces.notifications.outbox import note_change, note_new_drift
        from workspaces.services.drift_results import note_move, tell_of_new_drift

        keep_histories()
        tell_of_moves(note_move)
        tell_of_moves(note_change)
        tell_of_new_drift(note_new_drift)
