"""What the tests beside a live site share. Here ``db`` has no transaction: the site's processes see each record.

Sites are a module's: a test makes what it needs, and asks nothing of what is not its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client

from tests.spine.conftest import executor_image, pytest_runtest_makereport
from tests.support.module_database import db
from tests.tfe.live import pods
from tests.tfe.live.places import MACHINE_ALONE, in_pods
from tests.tfe.tls import TlsSite
from tests.tfe.tls import tls_site as serve

__all__ = ["db", "executor_image", "pytest_runtest_makereport"]
_HERE = Path(__file__).parent


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep a module in one worker, so that its site is started once; cluster tests have theirs already.

    What a terminal sees does not hang on the database; the requests themselves are tried on both.
    """
    item.add_marker(pytest.mark.once)
    if in_pods() and item.path.stem not in MACHINE_ALONE:
        item.add_marker("cluster")
    if item.get_closest_marker("cluster") is None:
        item.add_marker(pytest.mark.xdist_group(f"live-{item.path.stem}"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out in pods what is listed as of this machine alone; refuse a test that neither is nor runs in pods."""
    if not in_pods():
        return
    listed = [item for item in items if item.path.parent == _HERE and item.path.stem in MACHINE_ALONE]
    for item in items:
        if item.path.parent == _HERE and item not in listed and not {"running_site", "pod_site"} & set(_fixtures(item)):
            raise pytest.UsageError(f"{item.nodeid} runs nothing in pods; list its module in places.MACHINE_ALONE")
    config.hook.pytest_deselected(items=listed)
    items[:] = [item for item in items if item not in listed]


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out in pods, and why."""
    if in_pods():
        for module, reason in MACHINE_ALONE.items():
            terminalreporter.write_line(f"not in pods: {module}: {reason}")


@pytest.fixture(scope="module")
def tls_site(db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsSite]:
    """A web process over https, without a worker: no step runs."""
    with serve(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def pod_site(
    db: None,
    cluster_api: client.ApiClient,
    kube_host: str,
    executor_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[pods.PodSite]:
    """A whole site over https: the steps of workspaces that ask for it run in pods."""
    with pods.pod_site(cluster_api, tmp_path_factory.mktemp("site"), kube_host, executor_image) as site:
        yield site


@pytest.fixture(scope="module")
def running_site(
    request: pytest.FixtureRequest, db: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsSite]:
    """A whole site over https: its steps run as processes of this machine, or all in pods (TEST_TERMINAL_PLACE)."""
    if in_pods():
        site = request.getfixturevalue("pod_site")
        with pods.all_in_pods(request.getfixturevalue("cluster_api"), site):
            yield site
    else:
        with serve(tmp_path_factory.mktemp("site"), worker=True) as site:
            yield site
