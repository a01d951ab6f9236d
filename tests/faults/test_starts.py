"""Pods that cannot start: the job says why, goes on as soon as it can, and ends with that reason when it never can."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from kubernetes import client

from executors.choices import AttemptOutcome
from executors.models import Attempt
from tests.faults.marks import FAULT
from tests.faults.nodes import labelled_node
from tests.faults.trial import Trial
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site, story
from workspaces.choices import JobStatus

pytestmark = FAULT

SELECTOR, CONFIG_MAP = "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", "EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP"
MOUNTED = "EPHEMERAL_CONFIG_MAP_NAME"
UNSCHEDULABLE_SECONDS, REFERENCE_SECONDS = 20, 15


@pytest.fixture(scope="module")
def site(make_site: SiteMaker) -> Iterator[Site]:
    """A site that is soon out of patience, and tries twice."""
    patience = {
        "ExecutorEphemeralUnschedulableSeconds": str(UNSCHEDULABLE_SECONDS),
        "ExecutorEphemeralReferenceSeconds": str(REFERENCE_SECONDS),
        "ExecutorMaxAttempts": "2",
    }
    with make_site(optional_role=True, **patience) as site:
        site.start()
        yield site


def test_a_pod_that_no_node_takes_runs_as_soon_as_one_does(trial: Trial, cluster_api: client.ApiClient) -> None:
    key = f"example.org/{uuid4().hex[:10]}"
    trial.fault()
    job = trial.job(environment={SELECTOR: f"{key}=true"})
    trial.told(job, "No node has the labels", "node affinity/selector")
    # Where the kubelet hears of the label later than the scheduler, it refuses the pod, and the next attempt runs.
    with labelled_node(cluster_api, key):
        trial.assert_sound(job, marks=20)


def test_a_pod_that_no_node_ever_takes_fails_with_the_schedulers_words(trial: Trial) -> None:
    job = trial.job(environment={SELECTOR: "example.org/there-is-no-such-node=true"})
    trial.told(job, "No node has the labels", "node affinity/selector")
    sentence = trial.ended(job, "unschedulable-selector", seconds=2 * UNSCHEDULABLE_SECONDS + 30)
    assert "No node has the labels" in sentence
    trial.assert_sound(job, status=JobStatus.FAILED, code="unschedulable-selector", starts=0)
    assert tries(trial, job.pk) == [AttemptOutcome.REPLACED, AttemptOutcome.LOST], story(job)


def tries(trial: Trial, job_id: int) -> list[str]:
    return list(Attempt.objects.filter(step__job=job_id).order_by("number").values_list("outcome", flat=True))


# A pod that is there already meets no quota.
@pytest.mark.cold
@pytest.mark.parametrize("counted", ["pods", "count/jobs.batch"])
def test_a_quota_is_named_and_a_job_runs_when_there_is_room(trial: Trial, counted: str) -> None:
    core, namespace = trial.cluster.core, trial.site.namespace
    quota = {"metadata": {"name": "full"}, "spec": {"hard": {counted: "0"}}}
    core.create_namespaced_resource_quota(namespace, quota)  # type: ignore[arg-type]
    trial.fault()
    job = trial.job()
    trial.told(job, "quota", "full")
    core.delete_namespaced_resource_quota("full", namespace)
    trial.fault()
    trial.await_rung(job)
    trial.clock.stop("going on")
    trial.assert_sound(job, marks=20)


def test_a_config_map_that_is_missing_is_named_and_the_pod_runs_when_it_is_there(trial: Trial) -> None:
    name = f"later-{uuid4().hex[:6]}"
    trial.fault()
    job = trial.job(environment={CONFIG_MAP: name})
    trial.told(job, f"ConfigMap {name} does not exist", CONFIG_MAP)
    trial.cluster.core.create_namespaced_config_map(
        trial.site.namespace,
        {"metadata": {"name": name}, "data": {"GREETING": "hello"}},  # type: ignore[arg-type]
    )
    trial.assert_sound(job, marks=20)


def test_a_config_map_that_stays_missing_ends_the_job_with_its_name(trial: Trial) -> None:
    trial.fault()
    job = trial.job(environment={MOUNTED: "never"})
    trial.told(job, "ConfigMap never does not exist", MOUNTED)
    trial.ended(job, "missing-config-map", seconds=2 * REFERENCE_SECONDS + 40)
    trial.assert_sound(job, status=JobStatus.FAILED, code="missing-config-map", starts=0)
    assert tries(trial, job.pk) == [AttemptOutcome.REPLACED, AttemptOutcome.LOST], story(job)
