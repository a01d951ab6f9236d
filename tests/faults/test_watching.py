"""The site's connections to the cluster's API are cut, or lead nowhere for a while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from kubernetes import client

from tests.faults.marks import FAULT
from tests.faults.proxy import Proxy, proxy_on
from tests.faults.trial import Trial
from tests.spine.cluster import kill_container
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site
from workspaces.choices import JobStatus

pytestmark = FAULT

AWAY_SECONDS = 20


@pytest.fixture(scope="module")
def road(cluster_api: client.ApiClient) -> Iterator[Proxy]:
    """Between the site and the cluster's API."""
    found = urlsplit(cluster_api.configuration.host)
    assert found.hostname is not None
    with proxy_on(found.hostname, (found.hostname, found.port or 443)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def site(make_site: SiteMaker, road: Proxy) -> Iterator[Site]:
    with make_site(optional_role=True) as site:
        path = Path(site.environ["KUBECONFIG"])
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        config["clusters"][0]["cluster"]["server"] = f"https://{road.address}"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        site.start()
        yield site


def test_watches_that_are_cut_miss_nothing(trial: Trial, road: Proxy) -> None:
    job = trial.job("sleep 120")
    trial.await_rung(job)
    pod = trial.cluster.pod_of(trial.attempt(job))
    assert road.cut() >= 2
    trial.fault()
    kill_container(pod)
    trial.ended(job, "killed")
    trial.assert_sound(job, status=JobStatus.FAILED, code="killed")


def test_watches_over_a_dead_connection_do_not_hide_the_truth_for_ever(trial: Trial, road: Proxy) -> None:
    job = trial.job("sleep 200")
    trial.await_rung(job)
    pod = trial.cluster.pod_of(trial.attempt(job))
    with road.silent():
        kill_container(pod)
        trial.fault()
        time.sleep(AWAY_SECONDS)
    trial.ended(job, "killed", seconds=120)
    trial.assert_sound(job, status=JobStatus.FAILED, code="killed")


def test_while_the_cluster_cannot_be_reached_steps_go_on_and_new_ones_wait(trial: Trial, road: Proxy) -> None:
    running = trial.job("true", pause=0.5)
    trial.await_rung(running)
    with road.refusing():
        trial.fault()
        waiting = trial.job()
        trial.told(waiting, "cluster's API did not answer")
        # Its executor needs the site alone.
        trial.site.await_status(running, JobStatus.COMPLETED)
        assert not waiting.is_final
    trial.fault()
    trial.await_rung(waiting, seconds=60)
    trial.clock.stop("going on")
    for job in (running, waiting):
        trial.assert_sound(job, marks=20)
