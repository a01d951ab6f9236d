"""What the fault matrix shares: the sites of the spine's tests, and a trial for each fault."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.faults import measures
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
    make_site,
    pytest_runtest_makereport,
)
from tests.spine.processes import MANAGE, PROJECT
from tests.spine.site import Site


@pytest.fixture(scope="module")
def site(make_site: SiteMaker) -> Iterator[Site]:  # noqa: F811
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


@pytest.fixture
def trial(site: Site, cluster: Cluster, bell: Bell, clock: measures.Clock) -> Trial:  # noqa: F811
    return Trial(site, cluster, bell, clock)


@pytest.fixture(scope="module", autouse=True)
def invariants(site: Site) -> Iterator[None]:
    """After the last test of a module the program that checks every invariant finds none violated."""
    yield
    command = [*MANAGE, "check_invariants"]
    said = subprocess.run(command, cwd=PROJECT, env=site.worker.environ, capture_output=True, text=True)
    assert said.returncode == 0, f"{said.stdout}\n{said.stderr}"
