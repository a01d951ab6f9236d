"""Export an attempt as a bundle: one JSON document with what was seen of it and decided, and no secret.

An allow-list says what is in it, field by field. Texts of executors and logs are not; of sentences only those of this
site, whose words from the cluster are masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from django import get_version
from django.utils import timezone

from executors.choices import EventKind, ExecutorKind
from executors.installation.settings import Installation
from executors.models import Attempt, AttemptEvent
from executors.watching.look_format import attempt_json, reason_json, time_text
from executors.watching.looks import mask_for
from executors.watching.public_objects import Mask
from terrakube_site.env import Setting
from workspaces.models import Cluster
from workspaces.pods.catalogue import DEFAULT_CLUSTER
from workspaces.reasons import REASONS, Reason

FORMAT = 1
"""Raise it when a reader of the present format would misread a bundle; a new field does not take it."""
KIND = "terrakube-site/incident"
_SETTINGS = (
    "image",
    "image_version",
    "image_pull_policy",
    "job_data",
    "token_secret",
    "max_attempts",
    "deadline_seconds",
    "ttl_seconds",
    "start_timeout_seconds",
    "image_seconds",
    "reference_seconds",
    "unschedulable_seconds",
    "node_wait_seconds",
    "claim_seconds",
    "grace_seconds",
    "apply_grace_seconds",
    "heartbeat_seconds",
    "lost_after_seconds",
    "outage_seconds",
    "memory_soft_stop_percent",
    "max_running_steps",
    "max_running_applies",
    "keep_finished_jobs",
)
"""Settings that shape an attempt's life; none of them is a name of something else in the namespace."""
_TOLD = frozenset(
    {
        EventKind.LAUNCHED,
        EventKind.SCHEDULED,
        EventKind.IMAGE,
        EventKind.STARTED,
        EventKind.PHASE,
        EventKind.RESULT,
        EventKind.ENDED,
    }
)
"""Events whose detail is a name, a code or an outcome."""
_QUOTES_THE_CLUSTER = frozenset(
    {
        "cluster-policy",
        "container-cannot-start",
        "container-config",
        "container-create",
        "disrupted",
        "evicted",
        "failed-unseen",
        "image-pull",
        "image-registry-unreachable",
        "no-sandbox",
        "node-being-added",
        "node-refused",
        "pod-failed",
        "pod-refused",
        "quota",
        "start-timeout",
        "unschedulable",
        "unschedulable-affinity",
        "unschedulable-resources",
        "unschedulable-selector",
        "unschedulable-taint",
        "unschedulable-volume",
        "volume-not-mounted",
    }
)
"""Codes whose words are the cluster's; with any other code they may be those of an executor, a log or a person."""
_OUR_WORDS = frozenset(
    {
        "by",
        "cluster",
        "end",
        "exit_code",
        "image",
        "key",
        "kind",
        "limit",
        "most",
        "name",
        "namespace",
        "number",
        "peak",
        "permission",
        "reason",
        "seconds",
        "seen",
        "signal",
        "since",
        "span",
    }
)
"""Words of reasons that this site or the cluster said, whatever the code."""


def incident_bundle(attempt: Attempt, conf: Installation) -> dict[str, Any]:
    """Return the bundle of an attempt, which has its ``step`` loaded."""
    mask = mask_for(attempt)
    looks = [look.content for look in attempt.looks.all()]
    return {
        "kind": KIND,
        "format": FORMAT,
        "exportedAt": time_text(timezone.now()),
        "versions": {
            "django": get_version(),
            "migration": _last_migration(),
            "executorImage": mask(attempt.image),
            "cluster": next((look["cluster"] for look in reversed(looks) if look.get("cluster")), ""),
        },
        "settings": _settings(conf),
        "cluster": _cluster(attempt, conf),
        "job": {"id": attempt.step.job_id, "status": str(attempt.step.job.status)},
        "step": {
            "id": str(attempt.step.pk),
            "number": attempt.step.step_number,
            "type": str(attempt.step.type),
            "status": str(attempt.step.status),
            "reason": _public_reason(attempt.step.why, mask),
        },
        "attempt": _attempt(attempt, mask),
        "timeline": [_event(event, mask) for event in attempt.events.all()],
        "looks": looks,
    }


def file_name(attempt: Attempt) -> str:
    """Return the name under which a browser saves a bundle."""
    return f"incident-{attempt.job_name or attempt.pk}.json"


def _last_migration() -> str:
    from django.db.migrations.recorder import MigrationRecorder

    applied = MigrationRecorder.Migration.objects.filter(app="executors").order_by("-name")
    return applied.values_list("name", flat=True).first() or ""


def _settings(conf: Installation) -> dict[str, Any]:
    declared: Mapping[str, Setting[Any]] = {one.name: one.metadata["setting"] for one in fields(conf)}
    found = {declared[name].name: getattr(conf, name) for name in _SETTINGS}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def _cluster(attempt: Attempt, conf: Installation) -> dict[str, str] | None:
    """Return name and namespace of the cluster in which an attempt runs; None for a process.

    Its address and kubeconfig are not read. An attempt that was not launched is given the namespace it would run in.
    """
    if attempt.executor != ExecutorKind.KUBERNETES:
        return None
    namespace = attempt.namespace
    if not namespace and attempt.cluster:
        found = Cluster.objects.filter(name=attempt.cluster).values_list("namespace", flat=True)
        namespace = found.first() or ""
    elif not namespace:
        namespace = conf.namespace
    return {"name": attempt.cluster or DEFAULT_CLUSTER, "namespace": namespace}


def _attempt(attempt: Attempt, mask: Mask) -> dict[str, Any]:
    return {
        **attempt_json(attempt),
        "id": str(attempt.pk),
        "executor": str(attempt.executor),
        "outcome": str(attempt.outcome),
        "reason": _public_reason(attempt.why, mask),
        "leaving": _public_reason(attempt.leaving, mask) if attempt.leaving is not None else None,
        "phase": _plain(attempt.phase),
        "exitCode": attempt.exit_code,
        "logBytes": attempt.log_size,
        "cpuSeconds": attempt.cpu_seconds,
        "forceStop": attempt.force_stop,
        "stateLock": str(attempt.state_lock),
        "namespace": attempt.namespace,
        "jobName": attempt.job_name,
        "podName": attempt.pod_name,
        "nodeName": attempt.node_name,
        "notBefore": time_text(attempt.not_before),
        "cleanedAt": time_text(attempt.cleaned_at),
    }


def _event(event: AttemptEvent, mask: Mask) -> dict[str, Any]:
    told: dict[str, Any] = {"at": time_text(event.at), "kind": str(event.kind)}
    if event.reason_code:
        told["reason"] = _public_reason(event.why, mask)
    elif event.kind == EventKind.PHASE:
        told["detail"] = _plain(event.detail)
    elif event.kind in _TOLD:
        told["detail"] = mask(event.detail)
    return told


def _plain(word: str) -> str:
    """Return a word that an executor sent, "" if it could be more than the name of a phase."""
    return word if word.isascii() and word.replace("-", "").isalpha() and len(word) <= 16 else ""


def _public_reason(why: Reason, mask: Mask) -> dict[str, Any]:
    """Return a reason; of one in words of an executor, of terraform or of a person only its code."""
    if not _is_ours(why):
        return {"code": why.code if why.code in REASONS else ""}
    return reason_json(why.masked(mask))


def _is_ours(why: Reason) -> bool:
    """Return True if a reason has no words from elsewhere than this site and the cluster."""
    row = REASONS.get(why.code)
    if why.form == "told" or not (why.form or (row is not None and row.sentence)):
        return False
    if not set(why.words) <= _OUR_WORDS | ({"words"} if why.code in _QUOTES_THE_CLUSTER else set()):
        return False
    return all(
        _is_ours(word) if isinstance(word, Reason) else isinstance(word, str | int) for word in why.words.values()
    )
