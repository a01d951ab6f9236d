"""The vocabularies of attempts."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ExecutorKind(models.TextChoices):
    """What runs an attempt."""

    KUBERNETES = "kubernetes", "Kubernetes"
    LOCAL = "local", _("This machine")


class AttemptState(models.TextChoices):
    """How far an attempt is. Only a new or launched one can be claimed; one that has ended stays so."""

    NEW = "new", _("New")
    LAUNCHED = "launched", _("Launched")
    CLAIMED = "claimed", _("Running")
    INTERRUPTING = "interrupting", _("Stopping")
    ENDED = "ended", _("Ended")


UNCLAIMED = frozenset({AttemptState.NEW, AttemptState.LAUNCHED})
ACTIVE = frozenset({AttemptState.CLAIMED, AttemptState.INTERRUPTING})


class AttemptOutcome(models.TextChoices):
    """How an attempt ended; empty while it has not."""

    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    KILLED = "killed", _("Killed")
    LOST = "lost", _("Lost")
    REPLACED = "replaced", _("Replaced")


class LockOutcome(models.TextChoices):
    """What became of the state's lock when a cancelled or lost executor was gone; empty when it held none."""

    RELEASED = "released", _("Given back")
    FOREIGN = "foreign", _("Somebody else's, left alone")


class EventKind(models.TextChoices):
    """What happened to an attempt, in about this order."""

    CREATED = "created", _("Queued")
    LAUNCHED = "launched", _("Started by the launcher")
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
