"""One of two clusters is cut off: two namespaces of one cluster, of which one is reached by an address of its own."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from kubernetes import client

from tests.faults.marks import FAULT
from tests.faults.proxy import Proxy, proxy_on
from tests.faults.sound import Expected, assert_sound
from tests.faults.trial import Trial
from tests.spine import rights
from tests.spine.cluster import Cluster
from tests.spine.site import Site
from tests.support.cluster import fresh_namespace
from workspaces import models
from workspaces.choices import JobStatus

pytestmark = FAULT

THERE = {"EPHEMERAL_CONFIG_CLUSTER": "east"}


@pytest.fixture(scope="module")
def road(cluster_api: client.ApiClient) -> Iterator[Proxy]:
    """Between the site and the API of the cluster east alone."""
    found = urlsplit(cluster_api.configuration.host)
    assert found.hostname is not None
    with proxy_on(found.hostname, (found.hostname, found.port or 443)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def east(
    site: Site, cluster_api: client.ApiClient, road: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[models.Cluster]:
    """A second cluster of the site, with what its account needs."""
    with fresh_namespace(cluster_api) as namespace:
        objects = rights.guide_objects() + rights.optional_objects()
        path = rights.kubeconfig(cluster_api, namespace, tmp_path_factory.mktemp("east"), objects)
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        cluster = config["clusters"][0]["cluster"]
        cluster["server"] = f"https://{road.address}"
        authority = Path(cluster.pop("certificate-authority")).read_bytes()
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
        record = models.Cluster(name="east", namespace=namespace, kubeconfig=yaml.safe_dump(config))
        record.full_clean()
        record.save()
        yield record
        record.delete()


def test_a_cluster_that_is_cut_off_holds_up_no_step_of_the_other_and_its_own_steps_are_told_why(
    trial: Trial, east: models.Cluster, road: Proxy, cluster_api: client.ApiClient
) -> None:
    running = trial.job("true", pause=0.5, environment=THERE)
    trial.await_rung(running)
    with road.silent():
        trial.fault()
        waiting = trial.job(environment=THERE)
        trial.told(waiting, 'The cluster "east" has not answered since')
        here = trial.job()
        trial.site.await_status(here, JobStatus.COMPLETED)
        # Its executor needs the site alone.
        trial.site.await_status(running, JobStatus.COMPLETED)
        waiting.refresh_from_db()
        assert not waiting.is_final
    trial.fault()
    trial.await_rung(waiting, seconds=90)
    trial.clock.stop("going on")
    trial.assert_sound(here)
    there = Cluster(cluster_api, east.namespace)
    for job in (running, waiting):
        expected = Expected(ring=trial.ring_of(job))
        assert_sound(trial.site, there, trial.bell, job, expected)
    assert {trial.attempt(job).cluster for job in (running, waiting)} == {"east"}
    assert trial.attempt(here).cluster == ""
