"""Output of a container that ended before its executor reported, stored as the step's log while its pod exists."""

from __future__ import annotations

import logging

from executors.choices import AttemptState
from executors.cluster import ClusterError
from executors.clusters.reaching import calling, place_of
from executors.installation.settings import installation
from executors.launching.manifest import CONTAINER
from executors.logs import store
from executors.models import Attempt
from executors.terrakube.log_lines import masked_log

logger = logging.getLogger(__name__)
MOST_BYTES = 64 * 1024
MOST_LINES = 1000
TITLE = b"[What the container of pod %s said before it ended; its executor reported nothing.]\n"


def store_output(attempt: Attempt, pod_name: str) -> bool:
    """Store the last output of the pod of an ended, unclaimed attempt. Return False if there is none.

    It is no error if pod logs may not be read, or if the pod is gone already.
    """
    if attempt.state != AttemptState.ENDED or attempt.claimed_at is not None or not attempt.namespace:
        return False
    try:
        with calling(place_of(attempt.cluster, installation())) as api:
            text = api.pod_log(attempt.namespace, pod_name, container=CONTAINER, tail_lines=MOST_LINES)
    except ClusterError as error:
        logger.debug("What pod %s said cannot be read: %s", pod_name, error)
        return False
    # Mask before truncating: half of a secret would not be found.
    words = masked_log(attempt, text.encode())[-MOST_BYTES:]
    return bool(words) and store.store_whole_log(attempt, TITLE % pod_name.encode() + words)
