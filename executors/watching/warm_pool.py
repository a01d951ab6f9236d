"""Keep the pool of warm pods as it should be: create what is wanted, remove what is not."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from executors.choices import AttemptState, WarmState
from executors.cluster import ClusterError
from executors.installation.settings import Installation
from executors.launching import warm_pods
from executors.models import Attempt, WarmPod
from executors.warm import records, targets
from executors.watching.diagnosis.statuses import as_uuid, attempt_of

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

logger = logging.getLogger(__name__)
TURN_SECONDS = 2.0
IDLE_TURN_SECONDS = 30.0
"""The same for an installation without warm pods, which may have had some before its last start."""
CREATED_AT_ONCE = 5
PAUSE_SECONDS = 60.0
"""Time without new warm pods after the cluster refused one."""
RIGHTS_SECONDS = 300.0
_UNUSED = (WarmState.STARTING, WarmState.WAITING)


class WarmPool:
    """The pool of one watcher; for one thread."""

    def __init__(self, conf: Installation) -> None:
        self._conf = conf
        self._paused_until = 0.0
        self._right_asked: tuple[float, bool] | None = None

    @property
    def turn_seconds(self) -> float:
        """Seconds between two turns."""
        return TURN_SECONDS if self._conf.warm_pods else IDLE_TURN_SECONDS

    def turn(self, api: Cluster) -> None:
        """Remove pods that are over, and create those that are wanted.

        A fault of the pool must not reach the steps, so an error of the cluster is only logged.
        """
        wanted = self._wanted(api)
        if not wanted and not WarmPod.objects.exists():
            return
        records.end_unused(start_seconds=self._conf.start_timeout_seconds, wait_seconds=self._conf.warm_pod_seconds)
        there = _end_surplus(WarmPod.objects.filter(state__in=_UNUSED), wanted)
        try:
            for pod in WarmPod.objects.filter(state=WarmState.OVER):
                if _is_of_a_step(api, pod) or not api.delete_job(pod.namespace, pod.job_name):
                    pod.delete()
            self._create_missing(api, wanted, there)
        except ClusterError as error:
            logger.warning("The warm pods could not be kept up; trying again later: %s", error)
            self._paused_until = time.monotonic() + PAUSE_SECONDS

    def _wanted(self, api: Cluster) -> dict[str, int]:
        conf = self._conf
        if not conf.warm_pods or conf.api_url is None or conf.is_terrakube_image:
            return {}
        uses = targets.recent_use(conf)
        if not uses or not self._may_patch_pods(api):
            return {}
        return targets.wanted_pods(uses, limit=targets.room(conf), limit_of_a_shape=conf.warm_pods_of_a_shape)

    def _may_patch_pods(self, api: Cluster) -> bool:
        """Return True if a warm pod could get the labels of its attempt; checked again every five minutes."""
        now, known = time.monotonic(), self._right_asked
        if known is not None and now - known[0] < RIGHTS_SECONDS:
            return known[1]
        try:
            allowed = api.may("patch", "pods", self._conf.namespace)
        except ClusterError:
            return False
        if not allowed and (known is None or known[1]):
            logger.warning(
                "There are no warm pods without the right to patch pods in namespace %s", self._conf.namespace
            )
        self._right_asked = (now, allowed)
        return allowed

    def _create_missing(self, api: Cluster, wanted: Mapping[str, int], there: Mapping[str, int]) -> None:
        if time.monotonic() < self._paused_until:
            return
        missing = [shape for shape, number in wanted.items() for _ in range(number - there.get(shape, 0))]
        for shape in missing[:CREATED_AT_ONCE]:
            warm_pods.create_pod(api, shape, self._conf)


def _is_of_a_step(api: Cluster, pod: WarmPod) -> bool:
    """Return True if a step has got the Job of a pod that is over, and may still need it.

    A database that was restored may not know that: the Job is then the only trace of the launch, and its executor ends
    by itself. Raises ClusterError.
    """
    job = api.read_job(pod.namespace, pod.job_name)
    attempt = as_uuid(attempt_of(job)) if job is not None else None
    return attempt is not None and not Attempt.objects.filter(pk=attempt, state=AttemptState.ENDED).exists()


def _end_surplus(unused: Iterable[WarmPod], wanted: Mapping[str, int]) -> Counter[str]:
    """End the pods that are not wanted; return the number of the others by shape."""
    kept: Counter[str] = Counter()
    surplus = []
    # Those that wait already are kept first, and of those the youngest.
    for pod in sorted(unused, key=lambda pod: (pod.state != WarmState.WAITING, -pod.created_at.timestamp())):
        if kept[pod.shape] < wanted.get(pod.shape, 0):
            kept[pod.shape] += 1
        else:
            surplus.append(pod.pk)
    if surplus:
        records.end_pods(WarmPod.objects.filter(pk__in=surplus))
    return kept
