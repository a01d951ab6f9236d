"""Start a step in a warm pod: take one of its shape, give it the attempt's labels, and hand the attempt over."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from executors.attempts import lifecycle
from executors.cluster import ClusterError, Manifest
from executors.cluster.conditions import silent_node
from executors.launching import manifest, shapes
from executors.models import Attempt, WarmPod
from executors.warm import records

if TYPE_CHECKING:
    from executors.cluster.api import Cluster
    from executors.installation.settings import Installation

logger = logging.getLogger(__name__)


def shape_for(attempt: Attempt, body: Manifest, conf: Installation) -> str:
    """Return the shape of the warm pods that may run an attempt; "" if none may.

    A drift check gives way to every job, so it takes no pod that waits for one. Pods wait only in the cluster of the
    installation's settings.
    """
    return "" if attempt.cluster or attempt.step.job.is_drift_check else warm_shape(body, conf)


def warm_shape(body: Manifest, conf: Installation) -> str:
    """Return the shape that a warm pod for a Job must have; "" if no warm pod may run it.

    Terrakube's own executor cannot wait for a step.
    """
    if not conf.warm_pods or conf.is_terrakube_image or not shapes.may_be_warm(body):
        return ""
    return shapes.shape_of(body)


def prepare_pod(api: Cluster, attempt: Attempt, shape: str, body: Manifest) -> tuple[WarmPod, str] | None:
    """Take a warm pod for an attempt and make its Job and pod the attempt's; return it with the uid of its Job.

    ``body`` is the Job that the attempt would get otherwise. None if no pod of that shape waits, if it has gone in the
    meantime, or if its node does not answer: the step then starts without. Safe to repeat until ``records.hand_over``.
    Raises ClusterError if the cluster does not answer.
    """
    pod = records.pod_of(attempt) if _has_warm_name(attempt) else _take(attempt, shape)
    if pod is None:
        if _has_warm_name(attempt):
            lifecycle.use_own_name(attempt)
        return None
    labels = body["metadata"]["labels"]
    waited = math.ceil((timezone.now() - pod.created_at).total_seconds())
    deadline = waited + body["spec"]["activeDeadlineSeconds"]
    try:
        # The pod first: until its Job has the label too, nothing counts them as the attempt's.
        found = api.patch_pod(pod.namespace, pod.pod_name, {"metadata": {"labels": labels}})
        if "deletionTimestamp" in found["metadata"]:
            raise ClusterError("the pod is being deleted", status=410)
        if silent_node(found) is not None:
            # The pod may still work, but the cluster ends it unless its node comes back within minutes.
            raise ClusterError("the pod's node does not answer", status=410)
        job = api.patch_job(
            pod.namespace,
            pod.job_name,
            {
                "metadata": {"labels": labels, "annotations": _launch(attempt)},
                "spec": {"activeDeadlineSeconds": deadline},
            },
        )
    except ClusterError as error:
        if error.retryable:
            raise
        logger.warning("Attempt %s starts without the warm pod %s: %s", attempt, pod.pod_name, error)
        _remove_job(api, pod)
        records.give_up(pod)
        lifecycle.use_own_name(attempt)
        return None
    return pod, str(job["metadata"]["uid"])


def _launch(attempt: Attempt) -> dict[str, str]:
    """Return the annotations that tell of this launch also to a database that does not know it any more."""
    return {manifest.LAUNCHED_AS: lifecycle.own_name(attempt), manifest.LAUNCHED_AT: timezone.now().isoformat()}


def _remove_job(api: Cluster, pod: WarmPod) -> None:
    """Delete the Job of a pod that is given up: it may say already that it is the attempt's.

    Raises ClusterError if that is to be tried again.
    """
    try:
        api.delete_job(pod.namespace, pod.job_name)
    except ClusterError as error:
        if error.retryable:
            raise
        logger.warning("The Job %s of a warm pod could not be deleted: %s", pod.job_name, error)


def _has_warm_name(attempt: Attempt) -> bool:
    return attempt.job_name.startswith(records.NAME_PREFIX)


def _take(attempt: Attempt, shape: str) -> WarmPod | None:
    if attempt.number > 1 or not shape:
        # An attempt that replaces another starts without: whatever was wrong, its pod is a new one.
        return None
    with transaction.atomic():
        if not lifecycle.decide_shape(attempt, shape):
            attempt.refresh_from_db(fields=["job_name"])
            return records.pod_of(attempt)
        pod = records.take_pod(attempt, shape)
        if pod is not None:
            # Stored before the cluster is changed, so that a cancel or a second launch finds the same Job.
            lifecycle.use_job_name(attempt, pod.job_name)
    return pod
