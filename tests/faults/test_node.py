"""What a whole cluster suffers from: its API server, its kubelet, a drain. Nobody else may use it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kubernetes import client

from tests.faults.marks import FAULT
from tests.faults.node import await_ready, frozen, kubectl, without
from tests.faults.nodes import node_name
from tests.faults.trial import Trial
from workspaces.choices import JobStatus
from workspaces.models import StateVersion

pytestmark = [*FAULT, pytest.mark.node]

AWAY_SECONDS = 60


def test_an_api_server_that_is_away_for_a_minute_costs_nothing(trial: Trial) -> None:
    running = trial.job(marks=40, pause=0.5)
    trial.await_rung(running)
    with without("kube-apiserver"):
        trial.fault()
        began = time.monotonic()
        waiting = trial.job()
        trial.told(waiting, "cluster's API did not answer")
        # Its executor needs the site alone.
        trial.site.await_status(running, JobStatus.COMPLETED)
        time.sleep(max(0.0, began + AWAY_SECONDS - time.monotonic()))
    trial.fault()
    trial.await_rung(waiting, seconds=90)
    trial.clock.stop("going on")
    trial.assert_sound(running, marks=40)
    trial.assert_sound(waiting, marks=20)


def test_a_node_that_is_not_heard_of_keeps_its_step_and_takes_the_next_when_it_is_back(
    trial: Trial, cluster_api: client.ApiClient
) -> None:
    running = trial.job(marks=40, pause=0.5)
    trial.await_rung(running)
    with frozen("kubelet"):
        trial.fault()
        await_ready(cluster_api, "Unknown")
        trial.clock.stop("the cluster notices")
        trial.fault()
        waiting = trial.job()
        trial.told(waiting, "does not tolerate the taints")
        trial.site.await_status(running, JobStatus.COMPLETED)
    await_ready(cluster_api, "True")
    trial.fault()
    trial.await_rung(waiting, seconds=90)
    trial.clock.stop("going on")
    trial.assert_sound(running, marks=40)
    trial.assert_sound(waiting, marks=20)


# A pod that is there already has started.
@pytest.mark.cold
def test_a_pod_whose_node_is_not_heard_of_before_it_starts_says_so(trial: Trial, cluster_api: client.ApiClient) -> None:
    with frozen("kubelet"):
        # Scheduled to a node that still seems to be there.
        job = trial.job()
        trial.await_launched(job)
        trial.fault()
        trial.told(job, "node does not answer", seconds=90)
        await_ready(cluster_api, "Unknown")
    await_ready(cluster_api, "True")
    trial.assert_sound(job, marks=20, seconds=120)


@contextmanager
def cordoned(name: str) -> Iterator[None]:
    try:
        yield
    finally:
        kubectl("uncordon", name)


def test_an_apply_on_a_node_that_is_drained_saves_its_state_and_says_so(
    trial: Trial, cluster_api: client.ApiClient
) -> None:
    node = node_name(cluster_api)
    job = trial.apply_job(seconds=60)
    trial.await_rung(job)
    with cordoned(node):
        trial.fault()
        # Of all pods on it only ours, as the node is everybody's.
        selector = f"--pod-selector=terrakube.io/job={job.pk}"
        kubectl("drain", node, selector, "--delete-emptydir-data", "--force", "--timeout=60s")
        trial.clock.stop("drained")
        sentence = trial.ended(job, "drained")
    assert "drain" in sentence
    trial.assert_sound(job, status=JobStatus.FAILED, code="drained")
    assert StateVersion.objects.filter(job=job).exists()
    trial.assert_next_job_runs(job.workspace)
