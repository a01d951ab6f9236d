"""What the tests of the whole way share: a site of real processes for each module, and what its steps run on."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from kubernetes import client

from tests.spine import rights
from tests.spine.bell import Bell
from tests.spine.cluster import Cluster
from tests.spine.site import NO_NAMESPACE, Site, story
from tests.spine.sources import GitServer, git_server
from tests.support.cluster import connect, evidence, fresh_namespace
from tests.support.module_database import db
from tests.support.needs import PREFIX, promised
from workspaces.models import Job

__all__ = ["db"]
type SiteMaker = Callable[..., AbstractContextManager[Site]]


@pytest.fixture(scope="session")
def executor_image() -> str:
    """The image of the executor on the cluster's node."""
    name = os.environ.get("TEST_EXECUTOR_IMAGE", "")
    if not name:
        why = "TEST_EXECUTOR_IMAGE, the executor's image on the node, is not set"
        if "cluster" in promised():
            pytest.fail(f"cluster was promised by TEST_REQUIRE: {why}", pytrace=False)
        pytest.skip(f"{PREFIX}cluster: {why}")
    return name


@pytest.fixture(scope="module")
def make_site(
    db: None,
    cluster_api: client.ApiClient,
    kube_host: str,
    executor_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> SiteMaker:
    """Make a site whose processes have not started; it ends, with its namespace, with the context.

    ``optional_role`` adds the rights of the optional Role to those of the guide's. Other keywords are its environment.
    """

    @contextmanager
    def make(*, optional_role: bool = False, **environ: str) -> Iterator[Site]:
        folder = tmp_path_factory.mktemp("site")
        objects = rights.guide_objects() + (rights.optional_objects() if optional_role else [])
        with fresh_namespace(cluster_api) as namespace:
            config = rights.kubeconfig(cluster_api, namespace, folder, objects)
            more = {"KUBECONFIG": str(config), "ExecutorEphemeralImage": executor_image, **environ}
            with Site(folder, kube_host, more, namespace=namespace).at_hand() as site:
                yield site

    return make


@pytest.fixture(scope="module")
def guide_site(make_site: SiteMaker) -> Iterator[Site]:
    """A running site whose service account has the guide's Role alone."""
    with make_site() as site:
        site.start()
        yield site


@pytest.fixture(scope="module")
def full_site(make_site: SiteMaker) -> Iterator[Site]:
    """A running site whose service account has the optional Role as well."""
    with make_site(optional_role=True) as site:
        site.start()
        yield site


@pytest.fixture
def bell(kube_host: str) -> Iterator[Bell]:
    with Bell(kube_host).serving() as bell:
        yield bell


@pytest.fixture(scope="module")
def git(kube_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("git"), kube_host, os.environ) as server:
        yield server


@pytest.fixture(scope="session")
def look(cluster_api: client.ApiClient) -> Callable[[Site], Cluster]:
    """An administrator's view of a site's namespace."""
    return lambda site: Cluster(cluster_api, site.namespace)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the story of the site's jobs and the last lines of its processes to the report of a test that failed."""
    report = yield
    if report.when == "call" and report.failed:
        for site in (value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Site)):
            report.sections += [(f"log of {process.name}", process.tail()) for process in site.processes]
            try:
                newest = Job.objects.order_by("-pk")[:5]
                report.sections.append(("newest jobs", "\n".join(story(job) for job in newest)))
                if site.namespace != NO_NAMESPACE:
                    with connect() as api:
                        seen = evidence(client.CoreV1Api(api), site.namespace)
                    report.sections.append(("events and pods of the site's namespace", seen))
            except Exception as error:
                # The test's own failure is what counts.
                report.sections.append(("evidence", f"could not be read: {error}"))
    return report
