"""The newest preflight of a workspace, as its page shows it."""

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces.models import Workspace


class PreflightRun(models.Model):
    """One run of preflight; the next run of the workspace takes its place."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="preflight")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    asked_by = models.CharField(max_length=256, blank=True, default="")
    language = models.CharField(max_length=16, help_text=_("Of the page from which it was started."))
    found = models.JSONField(default=list, help_text=_("The findings, as executors.preflight.findings makes them."))

    def __str__(self) -> str:
        return gettext("Preflight of %(workspace)s") % {"workspace": self.workspace_id}
