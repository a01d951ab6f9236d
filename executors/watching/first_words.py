"""What a container said that ended before its executor could report: kept as the step's log, as its pod soon goes."""

from __future__ import annotations

import logging

from executors import cluster
from executors.choices import AttemptState
from executors.cluster import ClusterError
from executors.models import Attempt
from executors.reporting import logs
from executors.terrakube.folding import masked_log

logger = logging.getLogger(__name__)
MOST_BYTES = 64 * 1024
MOST_LINES = 1000
TITLE = b"[What the container of pod %s said before it ended; its executor reported nothing.]\n"


def keep(attempt: Attempt, pod_name: str) -> bool:
    """Keep the last of what the pod of an ended attempt said that nobody claimed. False when there is nothing to keep.

    No error where pod logs may not be read, or the pod is gone already.
    """
    if attempt.state != AttemptState.ENDED or attempt.claimed_at is not None or not attempt.namespace:
        return False
    try:
        text = cluster.connect().pod_log(attempt.namespace, pod_name, tail_lines=MOST_LINES)
    except ClusterError as error:
        logger.debug("What pod %s said cannot be read: %s", pod_name, error)
        return False
    # Masked before it is cut, since half of a secret is not found any more.
    words = masked_log(attempt, text.encode())[-MOST_BYTES:]
    return bool(words) and logs.keep_whole(attempt, TITLE % pod_name.encode() + words)
