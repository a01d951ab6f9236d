"""Attempts to run a step, their timelines and their logs; attempts are written by ``executors.attempts`` alone."""

import secrets
import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from executors.choices import AttemptOutcome, AttemptState, EventKind, ExecutorKind, LockOutcome
from workspaces.choices import StepType
from workspaces.encryption import EncryptedBinaryField
from workspaces.models import Job, Step, Workspace


def new_nonce() -> str:
    return secrets.token_hex(16)


class Attempt(models.Model):
    """One try to run a step: one Kubernetes Job, or one child process of this machine."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    executor = models.CharField(max_length=16, choices=ExecutorKind)
    state = models.CharField(max_length=16, choices=AttemptState, default=AttemptState.NEW)
    outcome = models.CharField(max_length=16, choices=AttemptOutcome, blank=True, default="")
    reason_code = models.CharField(max_length=64, blank=True, default="")
    reason = models.CharField(max_length=1024, blank=True, default="")
    nonce = models.CharField(max_length=32, default=new_nonce, help_text=_("What the one-time token is derived from."))
    session_hash = models.CharField(
        max_length=64, blank=True, default="", help_text=_("SHA-256 of the session that won the claim.")
    )
    phase = models.CharField(max_length=16, blank=True, default="")
    log_size = models.BigIntegerField(default=0, help_text=_("Bytes of log that are kept or known to be lost."))
    force_stop = models.BooleanField(default=False)

    created_at = models.DateTimeField()
    not_before = models.DateTimeField(help_text=_("When to launch it; later than created_at after a failed try."))
    launched_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    missing_since = models.DateTimeField(null=True, help_text=_("Since when its Job or process is known to be gone."))
    ended_at = models.DateTimeField(null=True)
    cleaned_at = models.DateTimeField(
        null=True, help_text=_("When its Job or process was proved gone or left to its TTL.")
    )

    job_name = models.CharField(max_length=63, blank=True, default="")
    namespace = models.CharField(max_length=63, blank=True, default="")
    job_uid = models.CharField(max_length=64, blank=True, default="")
    pod_name = models.CharField(max_length=253, blank=True, default="")
    node_name = models.CharField(max_length=253, blank=True, default="")
    image = models.CharField(max_length=512, blank=True, default="")
    host = models.CharField(max_length=253, blank=True, default="", help_text=_("The machine of a local attempt."))
    process_id = models.PositiveIntegerField(null=True)
    exit_code = models.IntegerField(null=True)
    peak_memory_bytes = models.BigIntegerField(null=True)
    cpu_seconds = models.FloatField(null=True)
    resources = models.JSONField(
        default=dict, help_text=_("The requests and limits with which its container was launched, as text.")
    )
    deadlines = models.JSONField(
        default=dict, help_text=_("Seconds by name, where organization or workspace allow less than the installation.")
    )
    leaving_code = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text=_("Why the cluster ends its pod while the executor is at work."),
    )
    leaving_reason = models.CharField(max_length=1024, blank=True, default="")
    state_lock = models.CharField(max_length=16, choices=LockOutcome, blank=True, default="")

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=("step", "number"), name="one_attempt_of_a_number"),
            models.UniqueConstraint(
                fields=("step",), condition=~Q(state=AttemptState.ENDED), name="one_open_attempt_of_a_step"
            ),
        )
        indexes = (
            models.Index(fields=("state",), condition=~Q(state=AttemptState.ENDED), name="attempt_open"),
            models.Index(
                fields=("ended_at",), condition=Q(state=AttemptState.ENDED, cleaned_at=None), name="attempt_to_clean"
            ),
            models.Index(fields=("claimed_at",), name="attempt_claimed"),
        )

    def __str__(self) -> str:
        return self.job_name or gettext("Attempt %(number)s") % {"number": self.number}

    @property
    def claimed_by_report(self) -> bool:
        """Whether Terrakube's own executor runs it, which has no session and whose first report was its claim."""
        return self.claimed_at is not None and not self.session_hash


class AttemptEvent(models.Model):
    """One entry of an attempt's timeline."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=16, choices=EventKind)
    detail = models.CharField(max_length=1024, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        ordering = ("at", "id")
        constraints = (
            models.UniqueConstraint(fields=("attempt", "kind", "detail"), name="one_event_of_a_kind_and_detail"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.detail}".strip()


class LogChunk(models.Model):
    """A piece of an attempt's log at its byte offset; without ``data`` it stands for bytes that were lost."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="log_chunks")
    offset = models.BigIntegerField()
    size = models.BigIntegerField()
    data = models.BinaryField(null=True)

    class Meta:
        ordering = ("offset",)
        constraints = (models.UniqueConstraint(fields=("attempt", "offset"), name="one_log_chunk_at_an_offset"),)

    def __str__(self) -> str:
        return f"{self.offset}+{self.size}"


class LogCursor(models.Model):
    """How far the log lines of Terrakube's own executor were taken over into an attempt's log."""

    attempt = models.OneToOneField(Attempt, on_delete=models.CASCADE, primary_key=True, related_name="log_cursor")
    stream_id = models.CharField(max_length=41, blank=True, default="", help_text=_("Of the last Redis entry."))
    line_numbers = models.JSONField(default=list, help_text=_("Those that came by HTTP, as [first, last] ranges."))

    def __str__(self) -> str:
        return self.stream_id or gettext("at the start")


class JobContext(models.Model):
    """The JSON document that executors and scripts keep beside a job."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True, related_name="context")
    content = EncryptedBinaryField(help_text=_("It may hold a plan's values, so it lies encrypted as plans do."))

    def __str__(self) -> str:
        return gettext("Context of job %(number)s") % {"number": self.job_id}


class LastLaunch(models.Model):
    """What the newest Kubernetes Job of a workspace and type of step was made of; nothing secret is in it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="last_launches")
    step_type = models.CharField(max_length=32, choices=StepType)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()
    manifest = models.JSONField(help_text=_("The Job as it was created, with what is sensitive masked."))
    settings = models.JSONField(help_text=_("The executor's settings by name; of a sensitive one a keyed hash."))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "step_type"), name="one_last_launch_of_a_type_of_step"),
        )

    def __str__(self) -> str:
        return gettext("%(type)s of %(workspace)s") % {"type": self.step_type, "workspace": self.workspace_id}


class Beat(models.Model):
    """When a background process last showed that it works; see ``executors.beats``."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Tally(models.Model):
    """How often something was counted by all processes; see ``executors.metrics.store``."""

    name = models.CharField(max_length=80)
    labels = models.CharField(max_length=512, help_text=_("JSON, its keys sorted."))
    value = models.FloatField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("name", "labels"), name="one_tally_of_a_name_and_labels"),)

    def __str__(self) -> str:
        return f"{self.name}{self.labels}"


class CheckRun(models.Model):
    """One run of the doctor: what it found so far, and how far its probe pod is."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    asked_by = models.CharField(max_length=256, blank=True, default="")
    found = models.JSONField(default=list, help_text=_("The rows of the table, as executors.doctor.report makes them."))
    probe = models.JSONField(null=True, help_text=_("How far the probe pod is; None without one."))

    class Meta:
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return gettext("Check of %(moment)s") % {"moment": f"{self.started_at:%Y-%m-%d %H:%M}"}
