"""Enumerations of attempts."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ExecutorKind(models.TextChoices):
    """The kind of executor that runs an attempt."""

    KUBERNETES = "kubernetes", "Kubernetes"
    LOCAL = "local", _("This machine")


class AttemptState(models.TextChoices):
    """State of an attempt. Only a new or launched one can be claimed; an ended one stays ended."""

    NEW = "new", _("New")
    LAUNCHED = "launched", _("Launched")
    CLAIMED = "claimed", _("Running")
    INTERRUPTING = "interrupting", _("Stopping")
    ENDED = "ended", _("Ended")


UNCLAIMED = frozenset({AttemptState.NEW, AttemptState.LAUNCHED})
ACTIVE = frozenset({AttemptState.CLAIMED, AttemptState.INTERRUPTING})


class AttemptOutcome(models.TextChoices):
    """Outcome of an attempt; empty until it ends."""

    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    KILLED = "killed", _("Killed")
    LOST = "lost", _("Lost")
    REPLACED = "replaced", _("Replaced")


class WarmState(models.TextChoices):
    """State of a warm pod. Each state is left once, and only for a later one."""

    STARTING = "starting", _("Starting")
    WAITING = "waiting", _("Waits for a step")
    TAKEN = "taken", _("Taken by a step")
    HANDED_OVER = "handed-over", _("Runs a step")
    OVER = "over", _("Over")


class LockOutcome(models.TextChoices):
    """Outcome of the state lock after a cancelled or lost executor; empty if it held none."""

    RELEASED = "released", _("Given back")
    FOREIGN = "foreign", _("Held by another owner, left alone")


class EventKind(models.TextChoices):
    """Events of an attempt, roughly in order."""

    CREATED = "created", _("Queued")
    LAUNCHED = "launched", _("Started by the launcher")
    WARM = "warm", _("Handed over to a warm pod")
    SCHEDULED = "scheduled", _("Pod scheduled")
    IMAGE = "image", _("Image ready")
    STARTED = "started", _("Container started")
    CLAIMED = "claimed", _("Claimed by the executor")
    PHASE = "phase", _("Phase")
    WAITING = "waiting", _("Waiting")
    CANCEL = "cancel", _("Asked to stop")
    LEAVING = "leaving", _("Pod is being ended")
    RESULT = "result", _("Result reported")
    ENDED = "ended", _("Ended")
    LOCK = "lock", _("State lock")
