"""How much work a job's start is, in a warm process: a ceiling that only comes down.

Counted are calls of Python functions and statements of the database, not time: a busy machine changes neither. The
figures that were measured stand beside the ceilings, which leave room for what databases and versions of Python differ
in; lower both with what becomes less.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from kubernetes import client

from executors import cluster, tasks
from executors.cluster.api import Cluster
from executors.installation.settings import installation
from executors.launching import kubernetes_job
from executors.models import Attempt
from tests.api.client import Api, token_of
from tests.support.loopback import LoopbackServer, QuietHandler
from tests.support.work import counted_calls, kept_statements
from workspaces.actors import TokenUser
from workspaces.choices import Category
from workspaces.models import Organization, Team, Template, Workspace
from workspaces.pods.catalogue import ENABLE, NODE_SELECTOR
from workspaces.services.organizations import create_organization
from workspaces.services.workspaces import create_workspace, set_variable

pytestmark = pytest.mark.django_db(transaction=True)

MOST_STATEMENTS_UNTIL_THE_JOB = 8
"""None asks for policy rules or notifications, of which there are none."""
MOST_STATEMENTS_OF_A_LAUNCH = 11
MOST_CALLS_OF_A_LAUNCH = 5_300
"""4,950 on PostgreSQL, and 600 less on SQLite."""
MOST_STATEMENTS_OF_A_POST = 9
"""One of them is the entry of the history, which stays when the job is deleted."""
MOST_CALLS_OF_A_POST = 3_700
"""2,950 on SQLite and 3,400 on PostgreSQL, of which the test's client makes 150."""

_WARM_UP = 2
_create_job = Cluster.create_job


class ApiServer(QuietHandler):
    """A cluster's API as far as a launch calls it: it has every right, and creates what it is told to."""

    protocol_version = "HTTP/1.1"
    created: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body.get("kind") in {"Job", "Secret"}:
            self.created.append(body)
            body["metadata"]["uid"] = f"uid-{len(self.created)}"
        else:
            body["status"] = {"allowed": True}
        data = json.dumps(body).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What was created in the cluster, by the true client over HTTP."""
    for name, value in {
        "TerrakubeApiUrl": "https://site.example",
        "AzBuilderApiUrl": "https://site.example",
        "ExecutorEphemeralImage": "registry.example/terrakube-site-executor:1",
        "ExecutorEphemeralSecret": "",
    }.items():
        monkeypatch.setenv(name, value)
    installation.cache_clear()
    kubernetes_job._may_create_secrets.clear()
    found: list[dict[str, Any]] = []
    server = LoopbackServer(type("Handler", (ApiServer,), {"created": found}))
    configuration = client.Configuration()
    configuration.host = server.url
    with client.ApiClient(configuration) as api_client:
        api = Cluster(api_client)
        monkeypatch.setattr(cluster, "connect", lambda: api)
        yield found
    server.stop()
    installation.cache_clear()
    kubernetes_job._may_create_secrets.clear()


@dataclass
class Site:
    """An organization with a team, whose token starts jobs, and a template."""

    organization: Organization
    template: Template
    api: Api
    workspaces: Iterator[Workspace]

    def post(self) -> int:
        """Start a job on another workspace by REST; returns its number."""
        attributes = {"templateReference": str(self.template.pk)}
        related = {"workspace": ("workspace", next(self.workspaces).pk)}
        answer = self.api.post(f"organization/{self.organization.pk}/job", "job", attributes, related)
        assert answer.status_code == 201, answer.content
        return int(json.loads(answer.content)["data"]["id"])


@pytest.fixture
def site(created: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site that has started jobs before."""
    monkeypatch.setattr("workspaces.task_queue.client.async_task", lambda *task, **options: None)
    admin = TokenUser(name="admin", groups=frozenset({settings.ADMIN_GROUP}))
    organization = create_organization(by=admin, name="work")
    Team.objects.create(organization=organization, name="TEAM", plan_job=True, manage_job=True, approve_job=True)
    template = Template.objects.get(organization=organization, name="Plan and apply")

    def workspaces() -> Iterator[Workspace]:
        for number in range(100):
            made = create_workspace(
                organization, by=admin, name=f"w{number}", source="empty", branch="remote-content",
                terraform_version="1.11.4",
            )  # fmt: skip
            for key, value in {ENABLE: "true", NODE_SELECTOR: "zone=a"}.items():
                set_variable(made, by=admin, key=key, value=value, category=Category.ENV)
            set_variable(made, by=admin, key="TOKEN", value="s3cr3t-value", category=Category.ENV, sensitive=True)
            set_variable(made, by=admin, key="region", value="eu-1", category=Category.TERRAFORM)
            yield made

    made = [next(found) for found in [workspaces()] for _ in range(_WARM_UP + 2)]
    site = Site(organization, template, Api(token_of("TEAM")), iter(made))
    for _ in range(_WARM_UP):
        tasks.advance_job(site.post())
    created.clear()
    return site


def test_a_post_of_a_job_is_little_work(site: Site) -> None:
    with kept_statements() as statements:
        site.post()
    assert len(statements) <= MOST_STATEMENTS_OF_A_POST, "\n".join(statements)
    with counted_calls() as calls:
        site.post()
    assert calls.count <= MOST_CALLS_OF_A_POST, calls.most_called()


def test_a_launch_is_little_work(site: Site, created: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    job = site.post()
    until_the_job: list[str] = []

    def create_job(api: Cluster, *args: Any, **options: Any) -> Any:
        until_the_job.extend(statements)
        return _create_job(api, *args, **options)

    with kept_statements() as statements, monkeypatch.context() as patch:
        patch.setattr(Cluster, "create_job", create_job)
        tasks.advance_job(job)
    assert [body["kind"] for body in created] == ["Job", "Secret"]
    assert Attempt.objects.get(step__job=job).job_uid == "uid-1"
    assert 0 < len(until_the_job) <= MOST_STATEMENTS_UNTIL_THE_JOB, "\n".join(until_the_job)
    assert len(statements) <= MOST_STATEMENTS_OF_A_LAUNCH, "\n".join(statements)
    job = site.post()
    with counted_calls() as calls:
        tasks.advance_job(job)
    assert len(created) == 4
    assert calls.count <= MOST_CALLS_OF_A_LAUNCH, calls.most_called()
