"""An executor that is cut off from the site for two minutes in the middle of an apply, with the defaults of a site."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from executors.models import Attempt
from tests.faults.marks import FAULT
from tests.faults.proxy import Proxy, proxy_on
from tests.faults.trial import DEFAULT_PATIENCE, Trial, numbered
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site, story
from workspaces.models import StateVersion

pytestmark = FAULT

CUT_SECONDS = 120


@pytest.fixture(scope="module")
def network(kube_host: str) -> Iterator[Proxy]:
    """Between pods and site."""
    with proxy_on(kube_host) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def site(make_site: SiteMaker, network: Proxy) -> Iterator[Site]:
    with make_site(optional_role=True, AzBuilderApiUrl=f"http://{network.address}", **DEFAULT_PATIENCE) as site:
        network.target = (site.host, site.port)
        site.start()
        yield site


def test_two_minutes_without_the_site_in_the_middle_of_an_apply_cost_nothing(trial: Trial, network: Proxy) -> None:
    job = trial.apply_job(numbered(40, pause=0.5))
    trial.await_rung(job)
    cut = time.monotonic()
    # The whole rest of the apply, and its state, fall into the outage: its packets are lost first, then refused.
    with ExitStack() as second_half:
        with network.silent():
            time.sleep(CUT_SECONDS / 2)
            second_half.enter_context(network.refusing())
        time.sleep(max(0.0, cut + CUT_SECONDS - time.monotonic()))
    trial.fault()
    trial.assert_sound(job, marks=40)
    trial.clock.stop("ended")
    assert StateVersion.objects.filter(job=job).exists()
    assert Attempt.objects.filter(step__job=job).count() == 1, story(job)
