"""Create warm pods: the Job that a step of their shape would get, with a token that can only wait."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from executors.cluster import ClusterError
from executors.contract.job_data import encode_warm
from executors.installation import limits
from executors.launching import kubernetes_job, launcher, manifest
from executors.launching.warm_start import warm_shape
from executors.models import WarmPod
from executors.warm import records, targets
from workspaces.choices import EXCLUSIVE_TYPES

if TYPE_CHECKING:
    from executors.cluster.api import Cluster
    from executors.installation.settings import Installation


def create_pod(api: Cluster, shape: str, conf: Installation) -> WarmPod | None:
    """Create a warm pod of a shape, from the settings now in force of the workspace that used it last.

    None if a step of that workspace would get another shape today, or if a policy refuses it. Raises ClusterError.
    """
    last = targets.last_attempt_of(shape)
    needs = launcher.read_needs(last.step) if last is not None else None
    if last is None or needs is None or needs.pod is None or not needs.pod.enabled or needs.inputs.refusals:
        return None
    own = limits.with_deadlines(conf, needs.deadlines)
    # Its wait comes before its step; the handover sets the step's own deadline.
    own = replace(own, deadline_seconds=own.deadline_seconds + conf.warm_pod_seconds)
    pod = records.new_pod(shape=shape, namespace=conf.namespace)
    identity = manifest.WarmIdentity(pod_id=pod.pk, name=pod.job_name)
    address = f"{conf.api_url}/executor/v1/warm-pods/{pod.pk}"
    text = encode_warm(address, records.waiting_token(pod), conf.ca_bundle)
    in_secret = kubernetes_job.token_in_secret(api, own)
    may_change = last.step.type in EXCLUSIVE_TYPES
    body = kubernetes_job.build_manifest(
        api, identity, needs.pod, own, text, in_secret=in_secret, may_change=may_change
    )
    if warm_shape(body, conf) != shape:
        return None
    pod.save(force_insert=True)
    try:
        uid = str(api.create_job(conf.namespace, body)["metadata"]["uid"])
        if in_secret:
            api.create_secret(conf.namespace, manifest.data_secret_manifest(identity, own, text, uid))
    except ClusterError:
        # Whatever of it exists is removed.
        records.end_pods(WarmPod.objects.filter(pk=pod.pk))
        raise
    return pod
