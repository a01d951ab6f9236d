"""An executor that is cut off from the site in the middle of its work.

The site of these tests gives an executor 10 s to bridge an outage, for each thing that it has to deliver, and counts it
as lost after 60 s of silence; the defaults are 300 and 900 s.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.faults.marks import FAULT
from tests.faults.proxy import Proxy, proxy_on
from tests.faults.trial import Trial, numbered
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site
from workspaces.choices import JobStatus
from workspaces.models import StateVersion

pytestmark = FAULT

OUTAGE_SECONDS, LOST_SECONDS = 10, 60
CUT_SECONDS = 8


@pytest.fixture(scope="module")
def network(kube_host: str) -> Iterator[Proxy]:
    """Between pods and site."""
    with proxy_on(kube_host) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def site(make_site: SiteMaker, network: Proxy) -> Iterator[Site]:
    patience = {"ExecutorOutageSeconds": str(OUTAGE_SECONDS), "ExecutorLostAfterSeconds": str(LOST_SECONDS)}
    with make_site(optional_role=True, AzBuilderApiUrl=f"http://{network.address}", **patience) as site:
        network.target = (site.host, site.port)
        site.start()
        yield site


@pytest.mark.parametrize("way", ["silent", "refusing"])
def test_an_outage_in_the_middle_of_an_apply_costs_nothing(trial: Trial, network: Proxy, way: str) -> None:
    job = trial.apply_job(numbered(20, pause=0.3))
    trial.await_rung(job)
    with network.silent() if way == "silent" else network.refusing():
        # The whole rest of the apply, and its state, fall into the outage.
        time.sleep(CUT_SECONDS)
    trial.fault()
    trial.assert_sound(job, marks=20)
    trial.clock.stop("ended")
    assert StateVersion.objects.filter(job=job).exists()


def test_an_apply_whose_end_cannot_be_told_fails_and_says_so(trial: Trial, network: Proxy) -> None:
    job = trial.apply_job(numbered(20, pause=0.1))
    trial.await_rung(job)
    trial.fault()
    with network.refusing():
        sentence = trial.ended(job, "result-not-delivered", seconds=LOST_SECONDS + 20)
    assert "could not deliver" in sentence
    trial.assert_sound(job, status=JobStatus.FAILED, code="result-not-delivered", lost=True)


def test_an_executor_that_stays_silent_is_lost_and_holds_the_workspace_until_it_is_gone(
    trial: Trial, network: Proxy
) -> None:
    job = trial.apply_job(seconds=120)
    trial.await_rung(job)
    with network.silent():
        trial.fault()
        sentence = trial.ended(job, "silent", seconds=LOST_SECONDS + 20)
        assert "sent no heartbeat" in sentence
        # Deliberately: the apply may still be at work, and nobody can tell.
        assert job.holds_workspace
        trial.assert_sound(job, status=JobStatus.FAILED, code="silent")
        trial.clock.stop("workspace free")
    trial.assert_next_job_runs(job.workspace)
