"""What the fault matrix shares: the sites of the spine's tests, and a trial for each fault."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.faults import measures, pool
from tests.faults.trial import Trial
from tests.spine.bell import Bell
from tests.spine.cluster import Cluster
from tests.spine.conftest import (  # noqa: F401 - fixtures and a hook, which count where they are imported
    SiteMaker,
    bell,
    db,
    executor_image,
    git,
    look,
    pytest_runtest_makereport,
)
from tests.spine.conftest import make_site as make_plain_site  # noqa: F401
from tests.spine.processes import MANAGE, PROJECT
from tests.spine.site import Site
from workspaces.models import Job


@pytest.fixture(scope="module")
def make_site(make_plain_site: SiteMaker) -> SiteMaker:  # noqa: F811
    """As for the spine's tests; with TEST_WARM_PODS a site has warm pods."""

    @contextmanager
    def make(**options: Any) -> Iterator[Site]:
        with make_plain_site(**(pool.SETTINGS | options)) as site:
            yield site

    return make


@pytest.fixture(scope="module")
def site(make_site: SiteMaker) -> Iterator[Site]:
    """A running site that may see pods and create Secrets; modules that need another have their own."""
    with make_site(optional_role=True) as site:
        site.start()
        yield site


@pytest.fixture
def cluster(site: Site, look: Callable[[Site], Cluster]) -> Cluster:  # noqa: F811
    return look(site)


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Iterator[measures.Clock]:
    """The figures of this test, kept when it has passed."""
    clock = measures.Clock(request.node.nodeid.removeprefix("tests/"))
    failed_before = request.session.testsfailed
    yield clock
    if request.session.testsfailed == failed_before:
        measures.keep(clock)


@pytest.fixture(scope="module")
def shapes() -> pool.Shapes:
    """Of the warm pods of the module's site."""
    return {}


@pytest.fixture
def trial(
    request: pytest.FixtureRequest,
    site: Site,
    cluster: Cluster,
    bell: Bell,  # noqa: F811
    clock: measures.Clock,
    shapes: pool.Shapes,
) -> Iterator[Trial]:
    trial = Trial(site, cluster, bell, clock)
    if not pool.IS_ON:
        yield trial
        return
    newest = Job.objects.order_by("-pk").values_list("pk", flat=True).first()
    if request.node.get_closest_marker("cold"):
        pool.empty(shapes)
        yield trial
    else:
        with pool.filled(site, shapes) as trial.pool:
            yield trial
    clock.seconds |= pool.starts(newest or 0)


@pytest.fixture(scope="module", autouse=True)
def invariants(site: Site) -> Iterator[None]:
    """After the last test of a module the program that checks every invariant finds none violated."""
    yield
    command = [*MANAGE, "check_invariants"]
    said = subprocess.run(command, cwd=PROJECT, env=site.worker.environ, capture_output=True, text=True)
    assert said.returncode == 0, f"{said.stdout}\n{said.stderr}"
