"""Staff users see and do in the panel what their teams allow, by the same rules as in the API."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from tests.factories import (
    PLAN,
    PLAN_APPROVE_APPLY,
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    TeamFactory,
    TemplateFactory,
    UserFactory,
    VariableFactory,
    WorkspaceFactory,
)
from tests.panel.forms import submit
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Access, Job, Ssh, Variable, Vcs, Workspace
from workspaces.services import jobs

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Client]


@pytest.fixture
def elsewhere() -> Workspace:
    return WorkspaceFactory.create(name="elsewhere-workspace")


def page_of(workspace: Workspace, tab: str = "settings") -> str:
    return reverse(f"admin:workspaces_workspace_{tab}", args=[workspace.pk])


def waiting_for_approval(workspace: Workspace) -> Job:
    job = jobs.create_job(workspace, by=None, tcl=PLAN_APPROVE_APPLY)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    transitions.start_step(step_id)
    transitions.finish_step(
        step_id, transitions.Outcome(succeeded=True, changes=True, plan="https://site.example/plan")
    )
    transitions.advance(job.pk)
    job.refresh_from_db()
    assert job.status == JobStatus.WAITING_APPROVAL
    return job


def test_nobody_sees_another_organizations_records(workspace: Workspace, elsewhere: Workspace, sign_in: SignIn) -> None:
    secret = VariableFactory.create(workspace=elsewhere, key="ELSEWHERE")
    job = jobs.create_job(elsewhere, by=None, tcl=PLAN)
    client = sign_in(workspace.organization, role="admin", manage_workspace=True)
    for name in ("workspace", "variable", "job", "template", "organization"):
        text = client.get(reverse(f"admin:workspaces_{name}_changelist")).content.decode()
        assert "ELSEWHERE" not in text
        assert elsewhere.name not in text
    assert client.get(page_of(elsewhere)).status_code == 404
    assert client.get(reverse("admin:workspaces_variable_change", args=[secret.pk])).status_code == 302
    assert client.get(reverse("admin:workspaces_job_change", args=[job.pk])).status_code == 404
    assert client.get(reverse("runs:live", args=[job.pk])).status_code == 404
    assert client.get(reverse("runs:rows"), {"ids": str(job.pk)}).json() == {"jobs": []}
    assert client.get(reverse("admin:workspaces_workspace_preview", args=[elsewhere.pk])).status_code == 404


def test_a_reader_sees_a_workspace_and_changes_nothing(workspace: Workspace, sign_in: SignIn) -> None:
    VariableFactory.create(workspace=workspace, key="SHOWN")
    client = sign_in(workspace.organization, role="read")
    page = client.get(page_of(workspace, "variables"))
    assert page.status_code == 200
    assert "SHOWN" in page.content.decode()
    assert "Start a job" not in page.content.decode()
    assert client.post(page_of(workspace), {"name": "renamed"}).status_code == 403
    client.post(reverse("admin:workspaces_workspace_lock", args=[workspace.pk]))
    workspace.refresh_from_db()
    assert (workspace.name, workspace.locked) == (workspace.name, False)


def test_a_sensitive_value_is_hidden_from_a_reader_too(workspace: Workspace, sign_in: SignIn) -> None:
    VariableFactory.create(workspace=workspace, key="TOKEN", value="s3cr3t-value", sensitive=True)
    VariableFactory.create(workspace=workspace, key="EPHEMERAL_JOB_ENV_VARS", value="A=s3cr3t-pair", sensitive=True)
    reader = sign_in(workspace.organization, role="read")
    text = "".join(reader.get(page_of(workspace, tab)).content.decode() for tab in ("variables", "pods"))
    assert "TOKEN" in text
    assert "s3cr3t-value" not in text
    assert "s3cr3t-pair" not in text


def test_secrets_of_records_that_a_reader_may_not_change_are_hidden(workspace: Workspace, sign_in: SignIn) -> None:
    organization = workspace.organization
    records = [
        VariableFactory.create(workspace=workspace, value="s3cr3t-value", sensitive=True),
        GlobalVariableFactory.create(organization=organization, value="s3cr3t-value", sensitive=True),
        Ssh.objects.create(organization=organization, name="key", private_key="s3cr3t-value"),
        Vcs.objects.create(
            organization=organization,
            name="git",
            description="git",
            vcs_type="GITHUB",
            client_secret="s3cr3t-value",
            private_key="s3cr3t-value",
            access_token="s3cr3t-value",
        ),
    ]
    item = ItemFactory.create(
        collection=CollectionFactory.create(organization=organization), value="s3cr3t-value", sensitive=True
    )
    client = sign_in(organization, role="read")
    for record in [*records, item.collection]:
        page = client.get(reverse(f"admin:workspaces_{record._meta.model_name}_change", args=[record.pk]))
        assert page.status_code == 200
        assert "s3cr3t-value" not in page.content.decode(), record


def test_who_manages_workspaces_saves_one_and_is_named(workspace: Workspace, sign_in: SignIn) -> None:
    client = sign_in(workspace.organization, manage_workspace=True)
    assert submit(client, page_of(workspace), "workspace_form", {"description": "changed"}).status_code == 302
    workspace.refresh_from_db()
    assert workspace.description == "changed"
    assert workspace.updated_by.startswith("user-")


def test_a_workspace_is_made_only_where_the_right_is(
    workspace: Workspace, elsewhere: Workspace, sign_in: SignIn
) -> None:
    client = sign_in(workspace.organization, manage_workspace=True)
    address = reverse("admin:workspaces_workspace_add")
    fields = {
        "name": "made", "source": "empty", "branch": "remote-content", "terraform_version": "1.11.4",
        "iac_type": "terraform",
    }  # fmt: skip
    refused = client.post(address, {**fields, "organization": str(elsewhere.organization_id)})
    assert refused.status_code == 200
    assert not Workspace.objects.filter(name="made").exists()
    made = client.post(address, {**fields, "organization": str(workspace.organization_id)})
    assert made.status_code == 302, made.content.decode()
    assert Workspace.objects.get(name="made").created_by.startswith("user-")


def test_access_to_one_workspace_opens_that_one_alone(workspace: Workspace) -> None:
    other = WorkspaceFactory.create(organization=workspace.organization, name="other-workspace")
    user = UserFactory.create(is_staff=True)
    user.groups.add(Group.objects.create(name="GUESTS"))
    Access.objects.create(workspace=workspace, name="GUESTS", manage_workspace=True, plan_job=True)
    client = Client()
    client.force_login(user)
    assert client.get(page_of(workspace)).status_code == 200
    assert client.get(page_of(other)).status_code == 404
    assert submit(client, page_of(workspace), "workspace_form", {"description": "by a guest"}).status_code == 302
    workspace.refresh_from_db()
    assert workspace.description == "by a guest"
    text = client.get(reverse("admin:workspaces_workspace_changelist")).content.decode()
    assert workspace.name in text
    assert other.name not in text


@pytest.mark.parametrize(("rights", "allowed"), [({"role": "plan"}, True), ({"role": "read"}, False)])
def test_a_job_is_started_by_who_may_plan(
    rights: dict[str, str], allowed: bool, workspace: Workspace, sign_in: SignIn
) -> None:
    template = TemplateFactory.create(organization=workspace.organization, tcl=PLAN)
    client = sign_in(workspace.organization, **rights)
    data = {"template": str(template.pk), "refresh": "on", "targets": "module.a\n\nmodule.b\n", "comments": "because"}
    client.post(reverse("admin:workspaces_workspace_start", args=[workspace.pk]), data)
    assert Job.objects.filter(workspace=workspace).exists() is allowed
    if allowed:
        job = Job.objects.get()
        assert sorted(job.addresses.values_list("name", flat=True)) == ["module.a", "module.b"]
        assert (job.comments, job.refresh, job.auto_apply) == ("because", True, False)


@pytest.mark.parametrize(
    ("role", "verb", "allowed"),
    [
        *(("write", verb, True) for verb in ("approve", "reject", "cancel")),
        *(("plan", verb, False) for verb in ("approve", "reject")),
        ("plan", "cancel", True),
        ("read", "cancel", False),
    ],
)
def test_a_job_is_decided_by_who_may_approve(
    role: str, allowed: bool, verb: str, workspace: Workspace, sign_in: SignIn
) -> None:
    job = waiting_for_approval(workspace)
    client = sign_in(workspace.organization, role=role)
    page = client.get(reverse("admin:workspaces_job_change", args=[job.pk])).content.decode()
    assert (f"/{verb}/" in page) is allowed
    response = client.post(reverse(f"admin:workspaces_job_{verb}", args=[job.pk]), {"comment": "seen"}, follow=True)
    job.refresh_from_db()
    assert (job.status != JobStatus.WAITING_APPROVAL) is allowed
    if not allowed:
        assert "You may not" in response.content.decode()


def test_a_deleted_workspace_is_hidden_and_its_jobs_stay(workspace: Workspace, sign_in: SignIn) -> None:
    name, job = workspace.name, jobs.create_job(workspace, by=None, tcl=PLAN)
    client = sign_in(workspace.organization, manage_workspace=True)
    address = reverse("admin:workspaces_workspace_delete", args=[workspace.pk])
    assert client.get(address).status_code == 200
    assert client.post(address, {"post": "yes"}).status_code == 302
    workspace.refresh_from_db()
    assert workspace.deleted
    assert Job.objects.filter(pk=job.pk).exists()
    assert name in client.get(reverse("admin:index")).content.decode(), "the message says what was deleted"
    assert name not in client.get(reverse("admin:workspaces_workspace_changelist")).content.decode()


def test_users_queue_and_changes_are_the_administrators_alone(workspace: Workspace, sign_in: SignIn) -> None:
    client = sign_in(workspace.organization, role="admin")
    for name in ("auth_user", "auth_group", "django_q_ormq", "auditlog_logentry"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 403


def test_who_is_no_staff_has_no_panel(workspace: Workspace, sign_in: SignIn) -> None:
    client = Client()
    client.force_login(UserFactory.create())
    assert client.get(reverse("admin:index")).status_code == 302


def test_actions_take_no_get(workspace: Workspace, admin: Client) -> None:
    job = waiting_for_approval(workspace)
    for name in ("approve", "reject", "cancel", "again", "stop"):
        assert admin.get(reverse(f"admin:workspaces_job_{name}", args=[job.pk])).status_code == 405
    for name in ("lock", "unlock", "upload"):
        assert admin.get(reverse(f"admin:workspaces_workspace_{name}", args=[workspace.pk])).status_code == 405


def test_a_filter_offers_no_organization_that_is_not_seen(
    workspace: Workspace, elsewhere: Workspace, sign_in: SignIn
) -> None:
    client = sign_in(workspace.organization, role="admin", manage_workspace=True)
    shown = 0
    for model in django_admin.site._registry:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        page = client.get(address)
        if page.status_code == 200:
            shown += workspace.organization.name in page.content.decode()
            assert elsewhere.organization.name not in page.content.decode(), address
    assert shown > 2


def test_rows_that_a_user_may_not_delete_stay_and_the_others_go(
    workspace: Workspace, elsewhere: Workspace, sign_in: SignIn
) -> None:
    client = sign_in(workspace.organization, manage_workspace=True)
    user = User.objects.get()
    user.groups.add(Group.objects.get_or_create(name="LOOKERS")[0])
    TeamFactory.create(organization=elsewhere.organization, name="LOOKERS", role="read")
    mine, theirs = (VariableFactory.create(workspace=place) for place in (workspace, elsewhere))
    chosen = {"action": "delete_selected", "_selected_action": [str(mine.pk), str(theirs.pk)], "post": "yes"}
    text = client.post(reverse("admin:workspaces_variable_changelist"), chosen, follow=True).content.decode()
    assert list(Variable.objects.all()) == [theirs]
    assert "You may not" in text
