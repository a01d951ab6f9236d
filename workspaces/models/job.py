"""Jobs and their steps; their statuses are written by ``workspaces.transitions`` alone."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces.choices import (
    FINAL_JOB,
    FINAL_STEP,
    IN_EXECUTOR,
    AddressType,
    Interruption,
    JobStatus,
    RoomClass,
    StepType,
    Via,
)
from workspaces.models.base import Audited, Record
from workspaces.models.organization import Organization
from workspaces.models.template import Template
from workspaces.models.workspace import Workspace
from workspaces.querysets import JobQuerySet, JobScopedQuerySet, StepQuerySet

HIGHEST_PRIORITY = 100


class Job(Audited):
    """One run of a template's flow on a workspace."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="jobs")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="jobs")
    template = models.ForeignKey(Template, on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs")
    tcl = models.TextField("flow", blank=True, default="", help_text=_("YAML; taken from the template when it starts."))
    status = models.CharField(max_length=16, choices=JobStatus, default=JobStatus.PENDING, editable=False)
    holds_workspace = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("Whether the job is the active one of its workspace; kept until its last pod is gone."),
    )
    plan_only = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("Whether its flow only plans, so that it need not hold the workspace."),
    )
    reason = models.CharField(
        max_length=512,
        blank=True,
        default="",
        editable=False,
        help_text=_("What the job waits for, or why it ended so."),
    )
    reason_code = models.CharField(
        max_length=64, blank=True, default="", editable=False, help_text=_("The reason for programs, of a bounded set.")
    )
    priority = models.SmallIntegerField(
        _("priority"),
        default=0,
        validators=[MinValueValidator(-HIGHEST_PRIORITY), MaxValueValidator(HIGHEST_PRIORITY)],
        help_text=_("Of the jobs of an organization that wait for room the one with the highest goes on first."),
    )
    waits_for_room = models.CharField(
        max_length=8,
        choices=RoomClass,
        blank=True,
        default="",
        editable=False,
        help_text=_("Whether a limit on steps at once is all that the job waits for, and what it needs room for."),
    )
    output = models.CharField(max_length=1024, null=True, blank=True, editable=False)  # noqa: DJ001
    comments = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    commit_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    terraform_plan = models.CharField(max_length=1024, null=True, blank=True)  # noqa: DJ001
    approval_team = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    override_source = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001
    override_branch = models.CharField(max_length=128, null=True, blank=True)  # noqa: DJ001
    refresh = models.BooleanField(default=True)
    refresh_only = models.BooleanField(default=False)
    plan_changes = models.BooleanField(default=True)
    auto_apply = models.BooleanField(default=False, help_text=_("Approvals of the flow are taken as given."))
    via = models.CharField(max_length=16, choices=Via, default=Via.UI)
    started_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    trimmed_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When retention removed its logs and plans; empty while they are kept.")
    )
    trimmed_why = models.CharField(max_length=128, blank=True, default="", editable=False)
    hidden = models.BooleanField(
        default=False, editable=False, help_text=_("Whether retention hides it, as KEEP_JOB_HISTORY_SOFT_DELETE asks.")
    )

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("workspace",), condition=Q(holds_workspace=True), name="one_active_job_of_a_workspace"
            ),
        )
        indexes = (
            models.Index(fields=("workspace", "-id"), name="job_of_workspace"),
            models.Index(fields=("organization", "-id"), name="job_of_organization"),
            models.Index(fields=("status",), condition=~Q(status__in=sorted(FINAL_JOB)), name="job_unfinished"),
            models.Index(
                fields=("ended_at",), condition=Q(ended_at__isnull=False, trimmed_at=None), name="job_to_trim"
            ),
            models.Index(
                fields=("organization", "-priority", "id"), condition=~Q(waits_for_room=""), name="job_waits_for_room"
            ),
            models.Index(fields=("ended_at",), name="job_ended"),
        )

    def __str__(self) -> str:
        return gettext("Job %(number)s") % {"number": self.pk}

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_JOB


class Address(Record):
    """A resource address to which a job's plan is confined (target) or that it replaces."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="addresses")
    name = models.CharField(max_length=1024)
    type = models.CharField(max_length=16, choices=AddressType, default=AddressType.TARGET)

    objects = JobScopedQuerySet.as_manager()

    class Meta:
        ordering = ("type", "name")

    def __str__(self) -> str:
        return self.name


class Step(Record):
    """One flow of a job; each that has something to run gets a pod of its own."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="steps")
    step_number = models.PositiveIntegerField()
    name = models.CharField(max_length=128)
    type = models.CharField(max_length=32, choices=StepType, editable=False)
    flow = models.JSONField(default=dict, editable=False, help_text=_("The flow's keys as the template gave them."))
    status = models.CharField(max_length=16, choices=JobStatus, default=JobStatus.PENDING, editable=False)
    output = models.CharField(max_length=1024, null=True, blank=True, editable=False)  # noqa: DJ001
    decision = models.CharField(max_length=16, blank=True, default="", editable=False, help_text=_("Of an approval."))
    decided_by = models.CharField(max_length=256, blank=True, default="", editable=False)
    reason_code = models.CharField(max_length=64, blank=True, default="", editable=False)
    reason = models.CharField(max_length=1024, blank=True, default="", editable=False)
    interruption = models.CharField(
        max_length=16, choices=Interruption, blank=True, default="", editable=False, help_text=_("Of a cancelled step.")
    )
    queued_at = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    objects = StepQuerySet.as_manager()

    class Meta:
        ordering = ("step_number",)
        constraints = (
            models.UniqueConstraint(fields=("job", "step_number"), name="one_step_of_a_number_in_a_job"),
            models.UniqueConstraint(
                fields=("job",), condition=Q(status__in=sorted(IN_EXECUTOR)), name="one_step_of_a_job_in_an_executor"
            ),
        )
        indexes = (
            models.Index(fields=("status",), condition=Q(status__in=sorted(IN_EXECUTOR)), name="step_in_executor"),
            models.Index(fields=("ended_at",), condition=Q(status=JobStatus.FAILED), name="step_failed"),
        )

    def __str__(self) -> str:
        return gettext("Step %(number)s %(name)s") % {"number": self.step_number, "name": self.name}

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STEP
