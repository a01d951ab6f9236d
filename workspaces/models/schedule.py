"""Schedules: jobs that start by the clock."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces import cron, flows
from workspaces.models.base import Audited, Record
from workspaces.models.template import Template
from workspaces.models.workspace import Workspace
from workspaces.querysets import WorkspaceScopedQuerySet


class Schedule(Record, Audited):
    """When jobs of a template start on a workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="schedules")
    cron = models.CharField(
        max_length=128, help_text=_("Quartz's form: seconds minutes hours days months weekdays [years], in UTC.")
    )
    template = models.ForeignKey(Template, on_delete=models.CASCADE, null=True, blank=True, related_name="schedules")
    tcl = models.TextField("flow", blank=True, default="", help_text=_("YAML; used when there is no template."))
    description = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When it is due; none when it never is again.")
    )

    objects = WorkspaceScopedQuerySet.as_manager()

    class Meta:
        ordering = ("created_date",)
        indexes = (models.Index(fields=("next_at",), condition=models.Q(enabled=True), name="schedule_due"),)

    def __str__(self) -> str:
        return self.description or self.cron

    def clean(self) -> None:
        try:
            if self.cron:
                # Of an empty one the field itself says that it is needed.
                cron.parse(self.cron)
        except cron.CronError as error:
            raise ValidationError({"cron": str(error)}) from error
        if self.template_id is None and not self.tcl:
            raise ValidationError(_("A schedule needs a template, or a flow of its own."))
        try:
            if self.tcl:
                flows.parse(self.tcl)
        except flows.FlowError as error:
            raise ValidationError({"tcl": str(error)}) from error
