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

    def ready(self) -> None:
        # Applications are imported before their models can be.
        from vcs.models import AccountLink, PullRequestRules
        from vcs.pull_requests.approving import check_approval
        from vcs.reports.outbox import note_change
        from workspaces.jobs.transitions.listeners import tell_of_moves
        from workspaces.models.history import keep_history
        from workspaces.services.jobs import check_approvals_with
        from workspaces.services.registration import register_with

        keep_history(AccountLink)
        keep_history(PullRequestRules)
        tell_of_moves(note_change)
        check_approvals_with(check_approval)
        register_with("vcs.hooks.synchronization.register_now")
