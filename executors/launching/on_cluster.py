"""Launch and stop an attempt as a Kubernetes Job."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db import transaction

from executors import attempts, cluster, payload, tokens
from executors.cluster import AlreadyExists, ClusterError
from executors.conf import Installation, installation
from executors.job_data import JobDataError, encode_claim, encode_inline
from executors.launching import for_terrakube, kept, manifest
from executors.launching.errors import LaunchError
from executors.models import Attempt
from workspaces.choices import EXCLUSIVE_TYPES
from workspaces.ephemeral import PodSettings
from workspaces.models import Step
from workspaces.variables import Inputs

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

logger = logging.getLogger(__name__)
_RIGHTS_SECONDS = 300
_may_create_secrets: dict[str, tuple[float, bool]] = {}


class _NameTaken(LaunchError):
    """Somebody else's Job has the attempt's name."""


def may_create_secrets(api: Cluster, namespace: str) -> bool:
    """Whether tokens can lie in Secrets of a namespace; asked again every five minutes."""
    known = _may_create_secrets.get(namespace)
    if known is not None and time.monotonic() - known[0] < _RIGHTS_SECONDS:
        return known[1]
    allowed = api.may("create", "secrets", namespace)
    if known is None or known[1] != allowed:
        place = (
            "in a Secret owned by the Job" if allowed else "in the Job's EphemeralJobData (no right to create Secrets)"
        )
        logger.info("One-time tokens of attempts in namespace %s lie %s", namespace, place)
    _may_create_secrets[namespace] = (time.monotonic(), allowed)
    return allowed


def identity_of(attempt: Attempt) -> manifest.StepIdentity:
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
    """The text of the pod's EphemeralJobData. Raises LaunchError when it can't be made."""
    if conf.api_url is None:
        raise LaunchError(
            "no-api-address",
            "AzBuilderApiUrl is not set: the address at which pods reach this API is needed to run steps in a cluster",
        )
    where = (attempt_address(conf.api_url, attempt), tokens.claim_token(attempt), conf.ca_bundle)
    if conf.job_data_mode == "claim":
        return encode_claim(*where)
    own_image = not conf.is_terrakube_image
    data = payload.job_data(step, inputs, control_keys=True)
    try:
        return encode_inline(data, *where) if own_image else encode_inline(data, version=conf.terrakube_version)
    except JobDataError as error:
        raise LaunchError("job-data-too-large", str(error)) from error


def launch(
    attempt: Attempt,
    step: Step,
    inputs: Inputs,
    pod: PodSettings,
    conf: Installation,
    deadlines: Mapping[str, int],
) -> None:
    """Create the attempt's Job, and the Secret of its token where Secrets may be created.

    ``deadlines`` are those that organization or workspace set below the installation's.

    Safe to repeat: the same attempt gives the same objects, and what exists already is looked at and adopted.
    Raises LaunchError.
    """
    if conf.is_terrakube_image:
        for_terrakube.prepare(attempt, step)
    text = ephemeral_job_data(attempt, step, inputs, conf)
    try:
        api = cluster.connect()
        try:
            uid, body = _create(api, attempt, text, pod, conf)
        except _NameTaken:
            # Jobs are counted in each database from 1, and another site, or one that was made anew, may share the
            # namespace. The attempt's other name is kept before it is used, so a second launch finds the same Job.
            attempts.use_own_name(attempt)
            uid, body = _create(api, attempt, text, pod, conf)
    except ClusterError as error:
        raise _launch_error(error, conf.namespace) from error
    with transaction.atomic():
        # First what refers to the Job's row: a claim holds that one before it asks for the attempt's.
        kept.keep(step, body, inputs.environment)
        attempts.mark_launched(
            attempt,
            namespace=conf.namespace,
            job_uid=uid,
            image=conf.image,
            resources={"requests": dict(pod.requests), "limits": dict(pod.limits)},
            deadlines=dict(deadlines),
        )


def _create(
    api: Cluster, attempt: Attempt, text: str, pod: PodSettings, conf: Installation
) -> tuple[str, cluster.Manifest]:
    """Create or adopt Job and Secret under the attempt's name, and return the Job's uid and what it was made of."""
    identity, namespace = identity_of(attempt), conf.namespace
    in_secret = token_in_secret(api, conf)
    data = manifest.SecretData(secret_name=manifest.job_name(identity)) if in_secret else manifest.InlineData(text)
    claim_exists = api.claim_exists(namespace, pod.plugin_cache_claim) if pod.plugin_cache_dir else None
    body = manifest.job_manifest(
        identity,
        pod,
        conf,
        data,
        plugin_cache_claim_exists=claim_exists,
        may_change=attempt.step.type in EXCLUSIVE_TYPES,
    )
    uid = _create_or_adopt(api, namespace, body, attempt)
    if in_secret:
        _create_secret(api, namespace, manifest.data_secret_manifest(identity, conf, text, uid))
    return uid, body


def token_in_secret(api: Cluster, conf: Installation) -> bool:
    if conf.token_secret == "auto":  # noqa: S105 - a word of the setting
        return may_create_secrets(api, conf.namespace)
    return conf.token_secret == "always"  # noqa: S105


def _create_or_adopt(api: Cluster, namespace: str, body: cluster.Manifest, attempt: Attempt) -> str:
    name = body["metadata"]["name"]
    try:
        return str(api.create_job(namespace, body)["metadata"]["uid"])
    except AlreadyExists:
        existing = api.read_job(namespace, name)
    if existing is None:
        raise LaunchError("job-vanished", f"Job {name} was there and is gone", retryable=True)
    if not _is_of(attempt, existing):
        raise _NameTaken("name-taken", f"Another Job named {name} exists in namespace {namespace}")
    if "deletionTimestamp" in existing["metadata"]:
        raise LaunchError("job-vanished", f"Job {name} is being deleted", retryable=False)
    return str(existing["metadata"]["uid"])


def _create_secret(api: Cluster, namespace: str, body: cluster.Manifest) -> None:
    try:
        api.create_secret(namespace, body)
    except AlreadyExists:
        # From an earlier try of this very attempt: its token is derived, so the text is the same.
        return


def _launch_error(error: ClusterError, namespace: str) -> LaunchError:
    if error.is_quota:
        return LaunchError("quota", f"The quota of namespace {namespace} is used up: {error.message}", retryable=True)
    if error.status == 403:
        return LaunchError("forbidden", f"The cluster does not allow it: {error.message}")
    if error.retryable:
        return LaunchError("cluster-unavailable", f"The cluster could not be asked: {error.message}", retryable=True)
    return LaunchError("refused", f"The cluster refused the Job: {error.message}")


def stop(attempt: Attempt) -> bool:
    """Delete the attempt's Job, which interrupts its executor. True when nothing of it is left. Raises ClusterError."""
    api = cluster.connect()
    # Without a namespace it is not known to be launched; its Job exists all the same when the launcher died after
    # creating it.
    namespace = attempt.namespace or installation().namespace
    job = api.read_job(namespace, attempt.job_name)
    if job is None or not _is_of(attempt, job):
        return True
    gone = not api.delete_job(namespace, attempt.job_name)
    if attempt.force_stop and attempt.pod_name and not gone:
        # Where it may not, its executor hears of it at its next heartbeat, else its grace period runs out.
        api.kill_pod(namespace, attempt.pod_name)
    return gone


def _is_of(attempt: Attempt, job: cluster.Manifest) -> bool:
    return bool(job["metadata"].get("labels", {}).get(manifest.ATTEMPT_LABEL) == str(attempt.pk))
