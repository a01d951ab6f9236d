"""What is left in the soak's namespace when all has ended, and belongs to nothing."""

from __future__ import annotations

import time

from bench.kube import Kube
from bench.soak.seen import WARM_LABEL
from executors.models import WarmPod

END_SECONDS = 60.0
"""How long the last pods may take to end."""


def left_in_cluster(kube: Kube) -> list[str]:
    """Return the pods that neither end nor wait in the pool. No step may be at work any more."""
    until = time.monotonic() + END_SECONDS
    while (left := _left(kube)) and time.monotonic() < until:
        time.sleep(1)
    return left


def _left(kube: Kube) -> list[str]:
    pods = [pod for pod in kube.pods("") if pod["status"].get("phase") not in ("Succeeded", "Failed")]
    # After the pods, so that one that was made meanwhile is known.
    known = {str(pk) for pk in WarmPod.objects.values_list("pk", flat=True)}
    return [
        pod["metadata"]["name"] for pod in pods if pod["metadata"].get("labels", {}).get(WARM_LABEL, "") not in known
    ]
