"""Launch and stop an attempt as a Kubernetes Job."""

from __future__ import annotations

import datetime as dt
import logging
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from executors.attempts import handover, lifecycle, tokens
from executors.choices import EventKind
from executors.cluster import AlreadyExists, ClusterError, Manifest, is_policy_refusal
from executors.clusters import health
from executors.clusters.reaching import SilentCluster, calling, may_use, place_of
from executors.contract.job_data import JobDataError, encode_claim, encode_inline
from executors.installation.settings import Installation, installation
from executors.launching import forgotten_launches, last_launch, manifest, terrakube_image, warm_start
from executors.launching.errors import LaunchError
from executors.launching.redaction import visible_resources
from executors.models import Attempt
from executors.warm import records
from workspaces.choices import EXCLUSIVE_TYPES
from workspaces.models import Step
from workspaces.pods import PodSettings
from workspaces.reasons import reason, told
from workspaces.variables.in_force import Inputs

if TYPE_CHECKING:
    from executors.cluster.api import Cluster
    from executors.models import WarmPod

logger = logging.getLogger(__name__)
_RIGHTS_SECONDS = 300
_may_create_secrets: dict[int, dict[str, tuple[float, bool]]] = {}
"""When it was asked and what was said, by the id of a connection, as long as that is there, and by namespace."""


class _NameTaken(LaunchError):
    """Another Job has the attempt's name."""


def may_create_secrets(api: Cluster, namespace: str) -> bool:
    """Return True if tokens can be kept in Secrets of a namespace; checked again every five minutes."""
    known = _may_create_secrets.get(id(api), {}).get(namespace)
    if known is not None and time.monotonic() - known[0] < _RIGHTS_SECONDS:
        return known[1]
    allowed = api.may("create", "secrets", namespace)
    if known is None or known[1] != allowed:
        place = (
            "in a Secret owned by the Job" if allowed else "in the Job's EphemeralJobData (no right to create Secrets)"
        )
        logger.info("One-time tokens of attempts in namespace %s lie %s", namespace, place)
    if id(api) not in _may_create_secrets:
        # The connection holds credentials, so it is not kept for this; its id may be another's later.
        weakref.finalize(api, _may_create_secrets.pop, id(api), None).atexit = False
    _may_create_secrets.setdefault(id(api), {})[namespace] = (time.monotonic(), allowed)
    return allowed


def step_identity(attempt: Attempt) -> manifest.StepIdentity:
    step = attempt.step
    return manifest.StepIdentity(
        organization_id=str(step.job.organization_id),
        workspace_id=str(step.job.workspace_id),
        job_id=step.job_id,
        step_id=str(step.pk),
        step_number=step.step_number,
        attempt_number=attempt.number,
        attempt_id=str(attempt.pk),
        name=attempt.job_name,
    )


def attempt_address(base_url: str, attempt: Attempt) -> str:
    return f"{base_url}/executor/v1/attempts/{attempt.pk}"


def ephemeral_job_data(attempt: Attempt, step: Step, inputs: Inputs, conf: Installation) -> str:
    """Return the text of the pod's EphemeralJobData. Raises LaunchError if it cannot be made."""
    if conf.api_url is None:
        raise LaunchError(reason("no-api-address", "no-address"))
    where = (attempt_address(conf.api_url, attempt), tokens.claim_token(attempt), conf.ca_bundle)
    if conf.job_data_mode == "claim":
        return encode_claim(*where)
    try:
        if conf.is_terrakube_image:
            return encode_inline(handover.terrakube_job_data(step, inputs), version=conf.terrakube_version)
        return encode_inline(handover.job_data(step, inputs, control_keys=True), *where)
    except JobDataError as error:
        raise LaunchError(told("job-data-too-large", str(error))) from error


def launch_job(
    attempt: Attempt,
    step: Step,
    inputs: Inputs,
    pod: PodSettings,
    conf: Installation,
    deadlines: Mapping[str, int],
) -> None:
    """Create the attempt's Job, and the Secret of its token if Secrets may be created.

    ``deadlines`` are those of organization or workspace, below the installation's.

    Safe to repeat: the same attempt gives the same objects, and existing ones are checked and adopted. Raises
    LaunchError.
    """
    if conf.is_terrakube_image:
        terrakube_image.prepare_launch(attempt, step)
    try:
        place = place_of(attempt.cluster, conf)
        if place.record is not None and not place.record.enabled:
            # The workspace may name another by now, but the attempt stays in its own.
            raise LaunchError(reason("policy", "cluster-disabled", name=place.name))
        if place.record is not None and not may_use(place.record, step.job.organization_id):
            raise LaunchError(reason("policy", "cluster-of-others", name=place.name))
        of_settings, conf = conf, place.conf
        text = ephemeral_job_data(attempt, step, inputs, conf)
        with calling(place) as api:
            if attempt.number == 1:
                forgotten_launches.refuse(api, conf.namespace, attempt)
                forgotten_launches.refuse_elsewhere(attempt, of_settings)
            launched = _launch(api, attempt, pod, conf, text)
    except ClusterError as error:
        raise launch_error(error, conf.namespace) from error
    with transaction.atomic():
        # Lock the Job's row first: a claim locks it before it locks the attempt's.
        last_launch.store_launch(step, launched.body, inputs.environment)
        if launched.warm is not None:
            records.hand_over(launched.warm)
            lifecycle.record_event(attempt, EventKind.WARM, launched.warm.pod_name)
        lifecycle.mark_launched(
            attempt,
            at=launched.made_at,
            namespace=conf.namespace,
            job_uid=launched.uid,
            image=conf.image,
            resources=visible_resources(pod, inputs.environment),
            deadlines=dict(deadlines),
            shape=launched.shape,
            **({"started_warm": True, "pod_name": launched.warm.pod_name} if launched.warm is not None else {}),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Launched:
    """The Job of an attempt: ``made_at`` is its creation if it existed already, ``warm`` the pod that was waiting."""

    body: Manifest
    uid: str
    shape: str
    made_at: dt.datetime | None = None
    warm: WarmPod | None = None


def _launch(api: Cluster, attempt: Attempt, pod: PodSettings, conf: Installation, text: str) -> _Launched:
    """Create or adopt the attempt's Job, or take a warm pod. Raises ClusterError, LaunchError."""
    in_secret, may_change = token_in_secret(api, conf), attempt.step.type in EXCLUSIVE_TYPES

    def manifest_now() -> Manifest:
        identity = step_identity(attempt)
        return build_manifest(api, identity, pod, conf, text, in_secret=in_secret, may_change=may_change)

    body = manifest_now()
    shape = warm_start.shape_for(attempt, body, conf)
    warm = warm_start.prepare_pod(api, attempt, shape, body)
    if warm is not None:
        return _Launched(body=body, uid=warm[1], shape=shape, warm=warm[0])
    if body["metadata"]["name"] != attempt.job_name:
        # A warm pod that an earlier launch took is gone.
        body = manifest_now()
    try:
        uid, made_at = _create(api, attempt, body, text, conf, in_secret=in_secret)
    except _NameTaken:
        # Each database counts its jobs from 1, and another site, or a reinstalled one, may share the namespace. The
        # attempt's other name is stored before it is used, so a second launch finds the same Job.
        lifecycle.use_unique_name(attempt)
        body = manifest_now()
        uid, made_at = _create(api, attempt, body, text, conf, in_secret=in_secret)
    return _Launched(body=body, uid=uid, shape=shape, made_at=made_at)


def build_manifest(
    api: Cluster,
    identity: manifest.StepIdentity | manifest.WarmIdentity,
    pod: PodSettings,
    conf: Installation,
    text: str,
    *,
    in_secret: bool,
    may_change: bool,
) -> Manifest:
    """Return the Job of an attempt or a warm pod; ``text`` is its EphemeralJobData. Raises ClusterError.

    The cluster is asked only whether the claim of the plugin cache exists.
    """
    data = manifest.SecretData(secret_name=manifest.job_name(identity)) if in_secret else manifest.InlineData(text)
    claim_exists = api.claim_exists(conf.namespace, pod.plugin_cache_claim) if pod.plugin_cache_dir else None
    return manifest.job_manifest(
        identity, pod, conf, data, plugin_cache_claim_exists=claim_exists, may_change=may_change
    )


def _create(
    api: Cluster, attempt: Attempt, body: Manifest, text: str, conf: Installation, *, in_secret: bool
) -> tuple[str, dt.datetime | None]:
    """Create or adopt Job and Secret under the attempt's name.

    Returns the Job's uid, and its creation time if it existed already.
    """
    uid, made_at = _create_or_adopt(api, conf.namespace, body, attempt)
    if in_secret:
        identity = step_identity(attempt)
        _create_secret(api, conf.namespace, manifest.data_secret_manifest(identity, conf, text, uid))
    return uid, made_at


def token_in_secret(api: Cluster, conf: Installation) -> bool:
    if conf.token_secret == "auto":  # noqa: S105 - a word of the setting
        return may_create_secrets(api, conf.namespace)
    return conf.token_secret == "always"  # noqa: S105


def _create_or_adopt(api: Cluster, namespace: str, body: Manifest, attempt: Attempt) -> tuple[str, dt.datetime | None]:
    name = body["metadata"]["name"]
    try:
        return str(api.create_job(namespace, body)["metadata"]["uid"]), None
    except AlreadyExists:
        existing = api.read_job(namespace, name)
    if existing is None:
        raise LaunchError(reason("job-vanished", "job-gone", name=name), retryable=True)
    if not _is_of(attempt, existing):
        raise _NameTaken(reason("name-taken", "other-job", name=name, namespace=namespace))
    if "deletionTimestamp" in existing["metadata"]:
        raise LaunchError(reason("job-vanished", "job-leaving", name=name))
    return str(existing["metadata"]["uid"]), forgotten_launches.created_at(existing)


def _create_secret(api: Cluster, namespace: str, body: Manifest) -> None:
    try:
        api.create_secret(namespace, body)
    except AlreadyExists:
        # From an earlier launch of this attempt: its token is derived, so the text is the same.
        return


def launch_error(error: ClusterError, namespace: str) -> LaunchError:
    """Return the reason why a launch failed, in the cluster's words."""
    if isinstance(error, SilentCluster):
        why = reason("cluster-unavailable", "cluster-silent", name=error.name, since=health.shown(error.since))
        return LaunchError(why, retryable=True, waits=True)
    if error.is_quota:
        return LaunchError(reason("quota", "quota-of", namespace=namespace, words=error.message), retryable=True)
    if error.lacks_right:
        return LaunchError(reason("forbidden", "not-allowed", words=error.message))
    if error.retryable:
        return LaunchError(reason("cluster-unavailable", "not-asked", words=error.message), retryable=True)
    if is_policy_refusal(error.message):
        return LaunchError(reason("cluster-policy", words=error.message))
    return LaunchError(reason("refused", "job-refused", words=error.message))


def stop_job(attempt: Attempt) -> bool:
    """Delete the attempt's Job, which interrupts its executor; return True if nothing of it is left. Raises
    ClusterError.
    """
    place = place_of(attempt.cluster, installation())
    # Without a namespace the launch is not recorded, but the Job exists if the launcher died after creating it.
    namespace = attempt.namespace or place.conf.namespace
    with calling(place) as api:
        job = api.read_job(namespace, attempt.job_name)
        if job is None or not _is_of(attempt, job):
            return True
        gone = not api.delete_job(namespace, attempt.job_name)
        if attempt.force_stop and attempt.pod_name and not gone:
            # Without the right to, its executor learns of it at its next heartbeat, or its grace period runs out.
            api.kill_pod(namespace, attempt.pod_name)
    return gone


def _is_of(attempt: Attempt, job: Manifest) -> bool:
    return bool(job["metadata"].get("labels", {}).get(manifest.ATTEMPT_LABEL) == str(attempt.pk))
