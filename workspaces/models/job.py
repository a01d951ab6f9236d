"""Jobs and their steps; their statuses are written by ``workspaces.jobs.transitions`` alone."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from terrakube_site.database.built_writes import WrittenOften
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
from workspaces.encryption import EncryptedTextField
from workspaces.models.acting import ActsFor
from workspaces.models.base import Audited, CheckedOnChange, Record
from workspaces.models.organization import Organization
from workspaces.models.reasoned import Reasoned
from workspaces.models.template import Template
from workspaces.models.workspace import Workspace
from workspaces.querysets import JobQuerySet, JobScopedQuerySet, StepQuerySet
from workspaces.reasons import Reason, stored
from workspaces.run_limits import Limits
from workspaces.truncation import FittingField
from workspaces.validation.repositories import check_branches, check_commit

HIGHEST_PRIORITY = 100


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What else decides about a job, as it was read under the lock of the job's row, and good for that transaction.

    ``others_open`` says whether its workspace has another job that has not ended, or of which a pod remains.
    ``has_rules`` and ``has_notifications``: whether there are policy rules for its organization, those of the
    installation among them, and active configurations of notifications. Mostly there are none, and nobody asks for
    them. ``variables`` are the job's once they were read.
    """

    others_open: bool
    has_rules: bool
    has_notifications: bool
    organization: Limits
    workspace: Limits
    variables: Any = None


class Job(WrittenOften, CheckedOnChange, Audited, ActsFor, Reasoned):
    """One run of a template's flow on a workspace."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="jobs")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="jobs")
    template = models.ForeignKey(Template, on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs")
    tcl = models.TextField(
        "flow", blank=True, default="", help_text=_("YAML, copied from the template when the job starts.")
    )
    status = models.CharField(max_length=16, choices=JobStatus, default=JobStatus.PENDING, editable=False)
    holds_workspace = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("Whether this is the active job of its workspace; true until its last pod is gone."),
    )
    plan_only = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("Whether the flow only plans and does not need to hold the workspace."),
    )
    reason = FittingField(
        max_length=512,
        blank=True,
        default="",
        editable=False,
        help_text=_("What the job waits for, or why it ended."),
    )
    reason_code = FittingField(
        max_length=64, blank=True, default="", editable=False, help_text=_("Code of the reason, for programs.")
    )
    priority = models.SmallIntegerField(
        _("priority"),
        default=0,
        validators=[MinValueValidator(-HIGHEST_PRIORITY), MaxValueValidator(HIGHEST_PRIORITY)],
        help_text=_("Of an organization's jobs that wait for capacity, the one with the highest priority goes first."),
    )
    waits_for_room = models.CharField(
        max_length=8,
        choices=RoomClass,
        blank=True,
        default="",
        editable=False,
        help_text=_("What the job needs capacity for, if it waits only for a limit on concurrent steps."),
    )
    output = FittingField(max_length=1024, null=True, blank=True, editable=False)
    comments = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    commit_id = FittingField(max_length=64, null=True, blank=True)
    withholds_sensitive = models.BooleanField(
        default=False,
        editable=False,
        help_text=_(
            "Whether its steps get no sensitive variables, because its code comes from people who may not know them."
        ),
    )
    from_fork = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("Whether its code comes from a fork, so that its steps get no key to other repositories."),
    )
    pr_comment_error = FittingField(
        max_length=512,
        null=True,
        blank=True,
        editable=False,
        help_text=_("Why the pull request could not be updated; empty if nothing failed."),
    )
    terraform_plan = models.CharField(max_length=1024, null=True, blank=True)  # noqa: DJ001
    approval_team = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    approved_by = FittingField(max_length=256, blank=True, default="", editable=False)
    approved_date = models.DateTimeField(null=True, editable=False)
    override_source = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001
    override_branch = models.CharField(max_length=128, null=True, blank=True)  # noqa: DJ001
    refresh = models.BooleanField(default=True)
    refresh_only = models.BooleanField(default=False)
    plan_changes = models.BooleanField(default=True)
    auto_apply = models.BooleanField(default=False, help_text=_("Skip the approvals of the flow."))
    save_plan = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("Whether the plan waits for approval without holding the workspace, as `plan -out` asks."),
    )
    via = models.CharField(max_length=16, choices=Via, default=Via.UI)
    pr_number = models.PositiveBigIntegerField(
        _("pull request"), null=True, editable=False, help_text=_("Number of the pull request; empty for none.")
    )
    author = FittingField(
        max_length=256,
        blank=True,
        default="",
        editable=False,
        help_text=_("Account at the provider whose push, tag or pull request started the job."),
    )
    started_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    took = models.DurationField(
        default=dt.timedelta,
        db_default=dt.timedelta(),
        editable=False,
        help_text=_("From the start to the end; zero while the job has not ended, or if it never started."),
    )
    trimmed_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When retention removed the logs and plans; empty while they are kept.")
    )
    trimmed_why = FittingField(max_length=128, blank=True, default="", editable=False)
    trimmed_words = models.JSONField(null=True, editable=False)
    hidden = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("Whether retention hides the job, as KEEP_JOB_HISTORY_SOFT_DELETE requests."),
    )

    CHECKS: ClassVar = {"override_branch": check_branches, "commit_id": check_commit}

    surroundings: Surroundings | None = None
    """Set by ``workspaces.jobs.obstacles.obstacle`` under the lock of the row, else None."""

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
            # It counts the jobs of a list, of which no row is read then.
            models.Index(fields=("organization", "status"), condition=Q(hidden=False), name="job_shown"),
            models.Index(fields=("status",), condition=~Q(status__in=sorted(FINAL_JOB)), name="job_unfinished"),
            models.Index(
                fields=("ended_at",), condition=Q(ended_at__isnull=False, trimmed_at=None), name="job_to_trim"
            ),
            models.Index(
                fields=("organization", "-priority", "id"), condition=~Q(waits_for_room=""), name="job_waits_for_room"
            ),
            models.Index(fields=("ended_at",), name="job_ended"),
            # Each serves its order in both directions.
            models.Index(fields=("took", "id"), name="job_by_duration"),
            models.Index(fields=("reason_code", "id"), name="job_by_reason"),
            models.Index(fields=("created_by", "-id"), name="job_of_person"),
            models.Index(fields=("author", "-id"), condition=~Q(author=""), name="job_of_author"),
            models.Index(fields=("commit_id", "-id"), condition=Q(commit_id__isnull=False), name="job_of_commit"),
            models.Index(
                fields=("organization", "created_date"),
                condition=Q(via=Via.DRIFT, plan_only=True),
                name="job_checks_drift",
            ),
        )

    def __str__(self) -> str:
        return gettext("Job %(number)s") % {"number": self.pk}

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_JOB

    @property
    def is_drift_check(self) -> bool:
        """Whether the site made the job to look for drift, so that it gives way to every other job."""
        return self.via == Via.DRIFT and self.plan_only

    @property
    def why_trimmed(self) -> Reason:
        return stored("", self.trimmed_words, self.trimmed_why)


class Address(Record):
    """A resource address that limits a job's plan (target) or that the job replaces."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="addresses")
    name = models.CharField(max_length=1024)
    type = models.CharField(max_length=16, choices=AddressType, default=AddressType.TARGET)

    objects = JobScopedQuerySet.as_manager()

    class Meta:
        ordering = ("type", "name")

    def __str__(self) -> str:
        return self.name


class JobVariable(Record):
    """A Terraform variable of one job, such as `-var` of a terminal; it replaces the workspace's of that name.

    The value is an HCL expression. It may be a secret, so it is shown nowhere.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="variables")
    key = models.CharField(max_length=1024)
    value = EncryptedTextField(blank=True, default="")

    objects = JobScopedQuerySet.as_manager()

    class Meta:
        ordering = ("key",)
        constraints = (models.UniqueConstraint(fields=("job", "key"), name="one_variable_of_a_key_in_a_job"),)

    def __str__(self) -> str:
        return self.key


class Step(WrittenOften, Record, Reasoned):
    """One flow of a job; each step that runs something gets its own pod."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="steps")
    step_number = models.PositiveIntegerField()
    name = models.CharField(max_length=128)
    type = models.CharField(max_length=32, choices=StepType, editable=False)
    flow = models.JSONField(
        default=dict, editable=False, help_text=_("Keys of the flow, as the template defines them.")
    )
    status = models.CharField(max_length=16, choices=JobStatus, default=JobStatus.PENDING, editable=False)
    output = FittingField(max_length=1024, null=True, blank=True, editable=False)
    decision = models.CharField(
        max_length=16, blank=True, default="", editable=False, help_text=_("Decision on an approval.")
    )
    decided_by = FittingField(max_length=256, blank=True, default="", editable=False)
    decided_date = models.DateTimeField(null=True, editable=False)
    comment = FittingField(
        max_length=1024,
        blank=True,
        default="",
        editable=False,
        help_text=_("Comment of the user who approved or rejected."),
    )
    reason_code = FittingField(max_length=64, blank=True, default="", editable=False)
    reason = FittingField(max_length=1024, blank=True, default="", editable=False)
    interruption = models.CharField(
        max_length=16,
        choices=Interruption,
        blank=True,
        default="",
        editable=False,
        help_text=_("How a cancelled step was stopped."),
    )
    undeclared_variables = models.JSONField(
        default=dict,
        editable=False,
        help_text=_("Terraform variables that the configuration does not declare, by their origin."),
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
