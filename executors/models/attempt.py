"""Attempts of a step and their timelines; only ``executors.attempts.lifecycle`` writes attempts."""

import secrets
import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from executors.choices import AttemptOutcome, AttemptState, EventKind, ExecutorKind, LockOutcome
from terrakube_site.database.built_writes import WrittenOften
from workspaces.models import Step
from workspaces.models.reasoned import Reasoned
from workspaces.reasons import Reason, stored
from workspaces.truncation import FittingField


def new_nonce() -> str:
    return secrets.token_hex(16)


class Attempt(WrittenOften, Reasoned):
    """One attempt to run a step, as one Kubernetes Job or one child process."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="attempts")
    organization_key = models.UUIDField(
        null=True,
        editable=False,
        help_text=_("Key of its job's organization, by which attempts are counted; empty until it is filled in."),
    )
    number = models.PositiveIntegerField()
    executor = models.CharField(max_length=16, choices=ExecutorKind)
    state = models.CharField(max_length=16, choices=AttemptState, default=AttemptState.NEW)
    outcome = models.CharField(max_length=16, choices=AttemptOutcome, blank=True, default="")
    reason_code = FittingField(max_length=64, blank=True, default="")
    reason = FittingField(max_length=1024, blank=True, default="")
    nonce = models.CharField(max_length=32, default=new_nonce, help_text=_("What the one-time token is derived from."))
    session_hash = models.CharField(
        max_length=64, blank=True, default="", help_text=_("SHA-256 of the session that won the claim.")
    )
    phase = FittingField(max_length=16, blank=True, default="")
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
    cluster = models.CharField(
        max_length=63,
        blank=True,
        default="",
        db_default="",
        help_text=_("Name of its cluster, set before its launch; empty for that of the installation's settings."),
    )
    namespace = models.CharField(max_length=63, blank=True, default="")
    job_uid = models.CharField(max_length=64, blank=True, default="")
    pod_name = models.CharField(max_length=253, blank=True, default="")
    node_name = models.CharField(max_length=253, blank=True, default="")
    image = models.CharField(max_length=512, blank=True, default="")
    host = models.CharField(max_length=253, blank=True, default="", help_text=_("The machine of a local attempt."))
    started_warm = models.BooleanField(default=False, db_default=False, help_text=_("Whether a warm pod runs it."))
    shape = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text=_("Fingerprint of its manifest, if a warm pod could run it."),
    )
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
    leaving_code = FittingField(
        max_length=64,
        blank=True,
        default="",
        help_text=_("Why the cluster ends its pod while the executor is at work."),
    )
    leaving_words = models.JSONField(null=True, editable=False)
    leaving_reason = FittingField(max_length=1024, blank=True, default="")
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
            # The order of the list of all attempts, which shows fifty of hundreds of thousands.
            models.Index(fields=("created_at", "id"), name="attempt_in_order"),
            models.Index(fields=("launched_at",), condition=~Q(shape=""), name="attempt_shape"),
            models.Index(fields=("organization_key",), name="attempt_of_organization"),
        )

    def __str__(self) -> str:
        return self.job_name or gettext("Attempt %(number)s") % {"number": self.number}

    @property
    def leaving(self) -> Reason | None:
        """The reason why the cluster stops its pod, None if it does not."""
        return stored(self.leaving_code, self.leaving_words, self.leaving_reason) if self.leaving_code else None

    @property
    def claimed_by_report(self) -> bool:
        """True if Terrakube's own executor runs it, which has no session and whose first report was its claim."""
        return self.claimed_at is not None and not self.session_hash


class AttemptEvent(models.Model):
    """One entry of an attempt's timeline."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=16, choices=EventKind)
    detail = FittingField(max_length=1024, blank=True, default="")
    reason_code = FittingField(max_length=64, blank=True, default="")
    reason_words = models.JSONField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("at", "id")
        constraints = (
            models.UniqueConstraint(fields=("attempt", "kind", "detail"), name="one_event_of_a_kind_and_detail"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.detail}".strip()

    @property
    def why(self) -> Reason:
        """The detail as a reason; a detail stored before reasons existed stays as it was."""
        return stored(self.reason_code, self.reason_words, self.detail)


class AttemptLook(models.Model):
    """What the watcher saw of an attempt and decided, for the looks that changed something; holds no secret."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="looks")
    at = models.DateTimeField()
    act = models.CharField(max_length=16)
    content = models.JSONField()
    """What the decision rests on, by an allow-list of fields; ``executors.watching.looks`` writes it."""

    class Meta:
        ordering = ("at", "id")

    def __str__(self) -> str:
        return f"{self.act} {self.at:%H:%M:%S}"
