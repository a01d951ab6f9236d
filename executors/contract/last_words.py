"""Last words of an executor for the site: whether it had claimed, and an undelivered state.

In a pod the first is the container's termination message, which the cluster keeps as long as the pod.
"""

from __future__ import annotations

import os

NAME = "TERRAKUBE_TERMINATION_LOG"
_OF_POD = "/dev/termination-log"
UNCLAIMED = "terrakube-executor: not claimed"
CLAIMED = "terrakube-executor: claimed"
UNDELIVERED_STATE_FILE = "terraform.tfstate.undelivered"


def keep(words: str) -> None:
    """Write one of these words over the last one; no error if there is no place for it."""
    path = os.environ.get(NAME)
    # Outside of a container the cluster's file is not created.
    flags = os.O_WRONLY | os.O_TRUNC | (os.O_CREAT if path else 0)
    try:
        file = os.open(path or _OF_POD, flags, 0o600)
    except OSError:
        return
    with os.fdopen(file, "w", encoding="ascii") as kept:
        kept.write(words)
