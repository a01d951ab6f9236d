"""The vocabularies of attempts."""

from django.db import models


class ExecutorKind(models.TextChoices):
    """What runs an attempt."""

    KUBERNETES = "kubernetes", "Kubernetes"
    LOCAL = "local", "This machine"


class AttemptState(models.TextChoices):
    """How far an attempt is. Only a new or launched one can be claimed; one that has ended stays so."""

    NEW = "new", "New"
    LAUNCHED = "launched", "Launched"
    CLAIMED = "claimed", "Running"
    INTERRUPTING = "interrupting", "Stopping"
    ENDED = "ended", "Ended"


UNCLAIMED = frozenset({AttemptState.NEW, AttemptState.LAUNCHED})
ACTIVE = frozenset({AttemptState.CLAIMED, AttemptState.INTERRUPTING})


class AttemptOutcome(models.TextChoices):
    """How an attempt ended; empty while it has not."""

    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    KILLED = "killed", "Killed"
    LOST = "lost", "Lost"
    REPLACED = "replaced", "Replaced"


class LockOutcome(models.TextChoices):
    """What became of the state's lock when a cancelled or lost executor was gone; empty when it held none."""

    RELEASED = "released", "Given back"
    FOREIGN = "foreign", "Somebody else's, left alone"


class EventKind(models.TextChoices):
    """What happened to an attempt, in about this order."""

    CREATED = "created", "Queued"
    LAUNCHED = "launched", "Started by the launcher"
    SCHEDULED = "scheduled", "Pod scheduled"
    IMAGE = "image", "Image ready"
    STARTED = "started", "Container started"
    CLAIMED = "claimed", "Claimed by the executor"
    PHASE = "phase", "Phase"
    WAITING = "waiting", "Waiting"
    CANCEL = "cancel", "Asked to stop"
    LEAVING = "leaving", "Pod is being ended"
    RESULT = "result", "Result reported"
    ENDED = "ended", "Ended"
    LOCK = "lock", "State lock"
