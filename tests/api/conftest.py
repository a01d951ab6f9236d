"""One organization with a team for each kind of caller, and a client for each."""

from __future__ import annotations

import pytest
from django.db import models
from django.utils import timezone

import terrakube_site.urls  # noqa: F401 - registers the types that tests look at before their first request
from tests.api.client import Api, token_of
from tests.factories import (
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    OrganizationFactory,
    ReferenceFactory,
    TeamFactory,
    TemplateFactory,
    VariableFactory,
    WorkspaceFactory,
)
from workspaces.choices import AddressType, DriftStatus
from workspaces.jobs import transitions
from workspaces.models import (
    Access,
    Address,
    Agent,
    Cluster,
    Drift,
    JobComment,
    NotificationConfiguration,
    NotificationTrigger,
    Organization,
    PolicyRule,
    Project,
    ProjectAccess,
    RecoveredState,
    RunLimits,
    Schedule,
    Ssh,
    StateVersion,
    Tag,
    Template,
    Vcs,
    Webhook,
    WebhookEvent,
    Workspace,
    WorkspaceTag,
)
from workspaces.services.jobs import create_job

SECRET = "value-of-net"
KUBECONFIG = f"""
apiVersion: v1
clusters: [{{name: west, cluster: {{server: "https://west.example:6443"}}}}]
users: [{{name: site, user: {{token: {SECRET}}}}}]
contexts: [{{name: west, context: {{cluster: west, user: site}}}}]
"""
STATE = b'{"outputs": {"url": {"value": "value-of-net", "type": "string", "sensitive": true}}}'


def organization_with_teams() -> Organization:
    """An organization with a team of every right, and one that may only read."""
    organization: Organization = OrganizationFactory.create(name="net")
    every = {
        name: True
        for name in ("state", "collection", "job", "workspace", "module", "provider", "vcs", "template")
        for name in [f"manage_{name}"]
    }
    TeamFactory.create(organization=organization, name="OWNERS", plan_job=True, approve_job=True, **every)
    TeamFactory.create(organization=organization, name="READERS")
    return organization


@pytest.fixture
def organization(db: None) -> Organization:
    return organization_with_teams()


@pytest.fixture
def workspace(organization: Organization) -> Workspace:
    return WorkspaceFactory.create(organization=organization, name="core")


@pytest.fixture
def template(organization: Organization) -> Template:
    return TemplateFactory.create(organization=organization, name="Plan and apply")


@pytest.fixture
def admin(db: None) -> Api:
    return Api(token_of("TERRAKUBE_ADMIN", name="admin@example.com"))


@pytest.fixture
def owner(organization: Organization) -> Api:
    """In a team with every right of the organization."""
    return Api(token_of("OWNERS", name="owner@example.com"))


@pytest.fixture
def reader(organization: Organization) -> Api:
    """In a team that may only read."""
    return Api(token_of("READERS"))


@pytest.fixture
def stranger(db: None) -> Api:
    """In a team of another organization, with every right there."""
    other = OrganizationFactory.create(name="elsewhere")
    TeamFactory.create(organization=other, name="STRANGERS", manage_workspace=True, manage_job=True, role="admin")
    return Api(token_of("STRANGERS"))


def one_of_each_type(organization: Organization, workspace: Workspace) -> dict[str, models.Model]:
    """A record of every type of the API in one organization, by the type's name."""
    template = TemplateFactory.create(organization=organization)
    job = create_job(workspace, by=None, template=template)
    transitions.advance(job.pk)
    collection = CollectionFactory.create(organization=organization)
    tag = Tag.objects.create(organization=organization, name="net")
    step = job.steps.first()
    team = organization.teams.first()
    assert step is not None
    assert team is not None
    project = Project.objects.create(organization=organization, name="networks")
    workspace.project = project
    workspace.save()
    webhook = Webhook.objects.create(workspace=workspace)
    notification = NotificationConfiguration.objects.create(
        organization=organization,
        workspace=workspace,
        name="on call",
        channel_type="WEBHOOK",
        destination_url="https://hooks.example/on-call",
        signing_secret=SECRET,
    )
    notification.templates.add(template)
    return {
        "organization": organization,
        "workspace": workspace,
        "template": template,
        "job": job,
        "job_comment": JobComment.objects.create(job=job, text="Why so many?", author="ann@example.org"),
        "step": step,
        "team": team,
        "tag": tag,
        "collection": collection,
        "address": Address.objects.create(job=job, name="module.a", type=AddressType.TARGET),
        "variable": VariableFactory.create(workspace=workspace, value=SECRET),
        "globalvar": GlobalVariableFactory.create(organization=organization, value=SECRET),
        "item": ItemFactory.create(collection=collection, value=SECRET),
        "reference": ReferenceFactory.create(collection=collection, workspace=workspace),
        "runlimits": RunLimits.objects.create(workspace=workspace, image_seconds=30),
        "vcs": Vcs.objects.create(organization=organization, name="v", description="", vcs_type="GITHUB"),
        "ssh": Ssh.objects.create(organization=organization, name="s", private_key=SECRET),
        "policyrule": PolicyRule.objects.create(
            organization=organization, setting="EPHEMERAL_MEMORY_LIMIT", maximum="8Gi"
        ),
        "cluster": Cluster.objects.create(name="west", namespace="steps", kubeconfig=KUBECONFIG),
        "project": project,
        "project_access": ProjectAccess.objects.create(project=project, name="OTHERS"),
        "agent": Agent.objects.create(organization=organization, name="a"),
        "access": Access.objects.create(workspace=workspace, name="OTHERS"),
        "schedule": Schedule.objects.create(workspace=workspace, cron="0 0 20 ? * FRI", template=template),
        "workspacetag": WorkspaceTag.objects.create(workspace=workspace, tag=tag),
        "webhook": webhook,
        "webhook_event": WebhookEvent.objects.create(webhook=webhook, branch="main", template=template),
        "drift": Drift.objects.create(
            workspace=workspace,
            status=DriftStatus.DRIFTED,
            drifted_since=timezone.now(),
            resources=[{"address": "null_resource.a", "action": "deleted"}],
            resource_count=1,
        ),
        "notification_configuration": notification,
        "notification_trigger": NotificationTrigger.objects.create(configuration=notification, job_status="failed"),
        "recovered_state": RecoveredState.objects.create(
            workspace=workspace, serial=1, lineage="l", md5="0", size=2, content=b"{}", why="It is older."
        ),
        "history": StateVersion.objects.create(workspace=workspace, number=1, content=STATE),
    }


@pytest.fixture
def everything(organization: Organization, workspace: Workspace) -> dict[str, models.Model]:
    """A record of every type in one organization."""
    return one_of_each_type(organization, workspace)
