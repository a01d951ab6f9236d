"""Two clusters in memory, that of the settings and "east", and steps that are launched into them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

from executors.clusters import reaching
from executors.installation.settings import Installation
from executors.launching import launcher
from executors.models import Attempt
from tests.factories import PLAN, WorkspaceFactory
from tests.warm.conftest import MemoryCluster, conf, memory_cluster
from workspaces.actors import TokenUser
from workspaces.choices import Category
from workspaces.jobs import transitions
from workspaces.models import Cluster
from workspaces.pods.catalogue import CLUSTER, ENABLE
from workspaces.services import jobs
from workspaces.services.workspaces import set_variable

__all__ = ["conf", "memory_cluster"]

KUBECONFIG = """
apiVersion: v1
clusters: [{name: east, cluster: {server: "https://east.example:6443"}}]
users: [{name: site, user: {token: t-o-k-e-n}}]
contexts: [{name: east, context: {cluster: east, user: site}}]
"""


@pytest.fixture
def east(monkeypatch: pytest.MonkeyPatch, conf: Installation) -> Cluster:
    """The record of a second cluster."""
    record = Cluster(name="east", namespace="steps", kubeconfig=KUBECONFIG, site_url="https://site.east.example")
    record.full_clean()
    record.save()
    return record


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch, east: Cluster, memory_cluster: MemoryCluster) -> Iterator[MemoryCluster]:
    """The cluster east itself."""
    found = MemoryCluster()
    reaching.forget()
    monkeypatch.setattr(reaching, "connect_by", lambda content: found)
    yield found
    reaching.forget()


@pytest.fixture
def admin() -> TokenUser:
    return TokenUser(name="admin", groups=frozenset({settings.ADMIN_GROUP}))


type Launch = Callable[..., Attempt]


@pytest.fixture
def launch(memory_cluster: MemoryCluster) -> Launch:
    """Launch the plan of a new workspace, in a cluster if one is named; returns its attempt, launched or not."""

    def launched(cluster: str = "") -> Attempt:
        workspace = WorkspaceFactory.create()
        set_variable(workspace, by=None, key=ENABLE, value="1", category=Category.ENV)
        if cluster:
            set_variable(workspace, by=None, key=CLUSTER, value=cluster, category=Category.ENV)
        job = jobs.create_job(workspace, by=None, tcl=PLAN)
        step_id = transitions.advance(job.pk)
        assert step_id is not None
        launcher.launch_due_attempt(step_id)
        return Attempt.objects.select_related("step").get(step=step_id)

    return launched
