"""The shape of a pod: what makes two Jobs interchangeable, and what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from executors.installation.settings import Installation
from executors.launching import manifest
from executors.launching.shapes import may_be_warm, shape_of
from workspaces.pods import SETTINGS, PodSettings, pod_settings


def job(conf: Installation, pod: PodSettings | None = None, *, may_change: bool = False, **more: Any) -> dict[str, Any]:
    identity = manifest.StepIdentity(
        organization_id=uuid4(), workspace_id=uuid4(), job_id=7, step_id=uuid4(), step_number=100, attempt_number=1,
        attempt_id=uuid4(),
    )  # fmt: skip
    data = more.pop("data", manifest.SecretData(secret_name="job-7-100-1"))
    claim = more.pop("claim", None)
    settings = pod or settings_of()
    return manifest.job_manifest(identity, settings, conf, data, plugin_cache_claim_exists=claim, may_change=may_change)


def settings_of(**texts: str) -> PodSettings:
    return pod_settings({"TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR": "true", **texts}, frozenset())


def test_a_warm_pods_job_has_the_shape_of_a_steps(conf: Installation) -> None:
    warm = manifest.job_manifest(
        manifest.WarmIdentity(pod_id=uuid4(), name="warm-1"),
        settings_of(),
        replace(conf, deadline_seconds=conf.deadline_seconds + conf.warm_pod_seconds),
        manifest.SecretData(secret_name="warm-1"),
        plugin_cache_claim_exists=None,
    )
    assert shape_of(warm) == shape_of(job(conf))
    assert warm["metadata"]["name"] == "warm-1", "the manifest itself stays as it is"


@pytest.mark.parametrize(
    "other",
    [
        {"EPHEMERAL_CONFIG_SERVICE_ACCOUNT": "deployer"},
        {"EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS": "zone=b"},
        {"EPHEMERAL_CONFIG_LABELS": "team=red"},
        {"EPHEMERAL_CONFIG_ANNOTATIONS": "owner=red"},
        {"EPHEMERAL_CONFIG_POD_ANNOTATIONS": "mesh=off"},
        {"EPHEMERAL_CONFIG_TOLERATIONS": "gpu:Exists:NoSchedule"},
        {"EPHEMERAL_MEMORY_LIMIT": "1Gi"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_other_settings_are_another_shape(conf: Installation, other: dict[str, str]) -> None:
    assert set(other) <= set(SETTINGS), "the setting exists"
    assert shape_of(job(conf, settings_of(**other))) != shape_of(job(conf))


def test_a_step_that_changes_something_and_another_installation_are_other_shapes(conf: Installation) -> None:
    shapes = {
        shape_of(job(conf)),
        shape_of(job(conf, may_change=True)),
        shape_of(job(replace(conf, image="registry.example/other:1"))),
        shape_of(job(replace(conf, namespace="other"))),
        shape_of(job(replace(conf, secrets=("extra",)))),
        shape_of(job(conf, data=manifest.InlineData("text"))),
    }
    assert len(shapes) == 6


def test_a_pod_with_a_volume_claim_is_never_warm(conf: Installation) -> None:
    cached = settings_of(TF_PLUGIN_CACHE_DIR="/cache")
    assert may_be_warm(job(conf))
    assert may_be_warm(job(conf, cached, claim=False)), "without the claim nothing is mounted"
    assert not may_be_warm(job(conf, cached, claim=True))
