"""Schedules: jobs that start at set times."""

from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces import cron
from workspaces.flows.runtimes import check_flow
from workspaces.models.acting import ActsFor
from workspaces.models.base import Audited, CheckedOnChange, Record
from workspaces.models.template import Template
from workspaces.models.workspace import Workspace
from workspaces.querysets import WorkspaceScopedQuerySet
from workspaces.reasons import Reason, stored
from workspaces.truncation import FittingField
from workspaces.validation.names import check_time_zone


def default_time_zone() -> str:
    """Return the installation's time zone of new schedules that name none."""
    return settings.SCHEDULE_TIME_ZONE


class Schedule(CheckedOnChange, Record, Audited, ActsFor):
    """When jobs of a template start on a workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="schedules")
    name = models.CharField(max_length=128, blank=True, default="", help_text=_("Shown in lists."))
    cron = models.CharField(
        max_length=128,
        help_text=_("Minutes hours days months weekdays, or Quartz's form with seconds first and perhaps a year last."),
    )
    time_zone = models.CharField(
        max_length=64, default=default_time_zone, help_text=_("A name of the IANA database, such as Europe/Berlin.")
    )
    template = models.ForeignKey(Template, on_delete=models.CASCADE, null=True, blank=True, related_name="schedules")
    tcl = models.TextField("flow", blank=True, default="", help_text=_("YAML; used if no template is set."))
    description = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When the schedule is due next; empty if never again.")
    )

    refusal = FittingField(
        max_length=1024,
        blank=True,
        default="",
        editable=False,
        help_text=_("Why the schedule started no job when it was last due. Empty if it started one."),
    )
    refusal_words = models.JSONField(null=True, editable=False)

    CHECKS: ClassVar = {"tcl": check_flow, "time_zone": check_time_zone}

    objects = WorkspaceScopedQuerySet.as_manager()

    class Meta:
        ordering = ("created_date",)
        indexes = (models.Index(fields=("next_at",), condition=models.Q(enabled=True), name="schedule_due"),)

    def __str__(self) -> str:
        return self.name or self.description or self.cron

    @property
    def why_refused(self) -> Reason:
        return stored("", self.refusal_words, self.refusal)

    def clean(self) -> None:
        super().clean()
        try:
            if self.cron:
                # Of an empty one the field itself says that it is needed.
                cron.parse(self.cron)
        except cron.CronError as error:
            raise ValidationError({"cron": str(error)}) from error
        if self.template_id is None and not self.tcl:
            raise ValidationError(_("A schedule needs a template or its own flow."))
