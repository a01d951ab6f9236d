"""The drift of a workspace: what was changed outside of Terraform, as the last check found it."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces.choices import DriftStatus
from workspaces.models.base import Record
from workspaces.models.job import Job
from workspaces.models.workspace import Workspace
from workspaces.querysets import WorkspaceScopedQuerySet


def _job(name: str) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, editable=False, related_name=name)


class Drift(Record):
    """What is known of one workspace's drift, and when it is checked; a workspace without a row was never checked."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="drift")
    status = models.CharField(
        max_length=16,
        choices=DriftStatus,
        blank=True,
        default="",
        help_text=_("What the last check that ended found; empty before the first."),
    )
    tried_at = models.DateTimeField(null=True, help_text=_("When the last check was made."))
    due_at = models.DateTimeField(
        null=True, help_text=_("When to check next, regardless of the interval; empty to follow the interval.")
    )
    check_job = _job("+")
    judged = models.BooleanField(default=True, help_text=_("Whether the result of the last check was read."))
    checked_at = models.DateTimeField(null=True, help_text=_("When the last check that was not given back ended."))
    result_job = _job("+")
    clean_at = models.DateTimeField(null=True, help_text=_("When a check last found no drift."))
    clean_job = _job("+")
    drifted_since = models.DateTimeField(null=True, help_text=_("When drift was first found; empty without drift."))
    resources = models.JSONField(
        default=list, help_text=_("Addresses that drifted, with what happened to each; no values.")
    )
    resource_count = models.PositiveIntegerField(default=0)
    pending_changes = models.PositiveIntegerField(
        default=0,
        help_text=_("Number of changes of the configuration that are not applied yet; they do not count as drift."),
    )
    fingerprint = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text=_("Fingerprint of the drift that was last reported; empty for none."),
    )

    objects = WorkspaceScopedQuerySet.as_manager()

    class Meta:
        verbose_name = _("drift")
        verbose_name_plural = _("drift")
        indexes = (
            models.Index(fields=("status",), name="drift_by_status"),
            models.Index(fields=("judged",), condition=Q(judged=False), name="drift_to_judge"),
        )

    def __str__(self) -> str:
        return gettext("Drift of %(workspace)s") % {"workspace": self.workspace}
