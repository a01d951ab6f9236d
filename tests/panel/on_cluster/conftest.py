"""A site of real processes with PostgreSQL, Redis and the cluster, as an operator's browser reaches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from kubernetes import client
from playwright.sync_api import BrowserContext

from tests.factories import TeamFactory, member
from tests.spine.cluster import Cluster
from tests.spine.conftest import SiteMaker, db, executor_image, look, make_site, pytest_runtest_makereport
from tests.spine.site import Site
from tests.support.visits import Visitor, Watch

__all__ = ("db", "executor_image", "look", "make_site", "pytest_runtest_makereport")
PASSWORD = "a password of this test"
NAMED = ("tf-runner", "team-keys", "tf-files", "executor-config")


@pytest.fixture(scope="module")
def site(make_site: SiteMaker, cluster_api: client.ApiClient) -> Iterator[Site]:
    """A running site with the optional Role, in whose namespace there is what settings of a workspace may name."""
    with make_site(optional_role=True) as site:
        core = client.CoreV1Api(cluster_api)
        account, secret, files, environment = (client.V1ObjectMeta(name=name) for name in NAMED)
        core.create_namespaced_service_account(site.namespace, client.V1ServiceAccount(metadata=account))
        core.create_namespaced_secret(site.namespace, client.V1Secret(metadata=secret))
        core.create_namespaced_config_map(
            site.namespace, client.V1ConfigMap(metadata=files, data={"hello.txt": "a file"})
        )
        core.create_namespaced_config_map(
            site.namespace, client.V1ConfigMap(metadata=environment, data={"FROM_CONFIG_MAP": "map"})
        )
        core.create_namespaced_persistent_volume_claim(site.namespace, _claim_without_volume("provider-cache"))
        site.start()
        yield site


def _claim_without_volume(name: str) -> client.V1PersistentVolumeClaim:
    """A claim for which there is no volume, so that its pods stay as they were made."""
    return client.V1PersistentVolumeClaim(
        metadata=client.V1ObjectMeta(name=name),
        spec=client.V1PersistentVolumeClaimSpec(
            access_modes=["ReadWriteMany"],
            resources=client.V1VolumeResourceRequirements(requests={"storage": "1Gi"}),
            storage_class_name="",
        ),
    )


@pytest.fixture
def cluster(site: Site, look: Callable[[Site], Cluster]) -> Cluster:
    """The site's namespace as an administrator sees it."""
    return look(site)


def _staff(user: User) -> User:
    user.set_password(PASSWORD)
    user.is_staff = True
    user.save()
    return user


@pytest.fixture
def visit(site: Site, new_context: Callable[..., BrowserContext], watch: Watch) -> Callable[[User], Visitor]:
    """Sign somebody in, in a browser of their own."""

    def visit(user: User) -> Visitor:
        visitor = Visitor(new_context().new_page(), watch, site.address)
        visitor.sign_in(user.username, PASSWORD)
        return visitor

    return visit


@pytest.fixture(scope="module")
def root(site: Site) -> User:
    found, _ = User.objects.get_or_create(username="root", email="root@site.example", is_superuser=True)
    return _staff(found)


@pytest.fixture
def operator(root: User, visit: Callable[[User], Visitor]) -> Visitor:
    """An administrator, signed in."""
    return visit(root)


@pytest.fixture
def viewer(site: Site, visit: Callable[[User], Visitor]) -> Visitor:
    """A member of a team that may only read, signed in."""
    return visit(_staff(member(TeamFactory.create(organization=site.organization, role="read"))))
