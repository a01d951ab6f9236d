"""The pages of projects, and a workspace that is put into one on its own page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import OrganizationFactory, ProjectFactory, TeamFactory, UserFactory, WorkspaceFactory, member
from tests.panel.forms import submit
from workspaces.models import Access, Organization, Project, ProjectAccess, Workspace

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Client]
PROJECTS = "admin:workspaces_project"
WORKSPACES = "admin:workspaces_workspace"


@pytest.fixture
def project() -> Project:
    found: Project = ProjectFactory.create(name="networks")
    return found


@pytest.fixture
def inside(project: Project) -> Workspace:
    found: Workspace = WorkspaceFactory.create(organization=project.organization, project=project, name="inside")
    return found


def page(name: str, record: Any = None) -> str:
    return reverse(name, args=[record.pk] if record is not None else [])


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def with_access(project: Project, **rights: Any) -> Client:
    """A browser of a user whose group has access to a project and nothing else."""
    ProjectAccess.objects.create(project=project, name="GUESTS", **rights)
    user = member(TeamFactory.create(organization=OrganizationFactory.create(), name="GUESTS"))
    user.is_staff = True
    user.save()
    client = Client()
    client.force_login(user)
    return client


def test_an_empty_list_says_what_a_project_is_for(admin: Client) -> None:
    content = admin.get(page(f"{PROJECTS}_changelist")).content.decode()
    assert "A project groups workspaces and lets groups work on all of them." in content


def test_a_project_is_made_and_given_to_a_group(admin: Client, sign_in: SignIn) -> None:
    organization = OrganizationFactory.create()
    made = {"organization": str(organization.pk), "name": "networks", "description": "d"}
    assert submit(admin, page(f"{PROJECTS}_add"), "project_form", made).status_code == 302
    project = Project.objects.get()
    assert (project.name, project.created_by) == ("networks", "root@site.example")
    rows = {
        "accesses-TOTAL_FORMS": "1", "accesses-0-project": str(project.pk), "accesses-0-name": "GUESTS",
        "accesses-0-role": "plan",
    }  # fmt: skip
    assert submit(admin, page(f"{PROJECTS}_change", project), "project_form", rows).status_code == 302
    assert project.accesses.get().role == "plan"
    assert {entry.content_type.model for entry in LogEntry.objects.all()} >= {"project", "projectaccess"}


def test_its_page_and_the_list_name_the_workspaces_in_it(admin: Client, project: Project, inside: Workspace) -> None:
    listed = admin.get(page(f"{PROJECTS}_changelist")).content.decode()
    assert f"/workspaces/workspace/?project__id__exact={project.pk}" in listed
    content = admin.get(page(f"{PROJECTS}_change", project)).content.decode()
    assert page(f"{WORKSPACES}_overview", inside) in content
    for number in range(25):
        WorkspaceFactory.create(organization=project.organization, project=project, name=f"a{number}")
    assert "all 26 workspaces" in admin.get(page(f"{PROJECTS}_change", project)).content.decode()
    Workspace.objects.all().delete()
    assert "None yet" in admin.get(page(f"{PROJECTS}_change", project)).content.decode()


def test_a_workspace_is_put_into_a_project_on_its_page(admin: Client, project: Project) -> None:
    workspace: Workspace = WorkspaceFactory.create(organization=project.organization)
    ProjectFactory.create(name="foreign-project")
    address = page(f"{WORKSPACES}_settings", workspace)
    assert b"foreign-project" not in admin.get(address).content
    assert submit(admin, address, "workspace_form", {"project": str(project.pk)}).status_code == 302
    workspace.refresh_from_db()
    assert workspace.project == project
    entry = LogEntry.objects.get(content_type__model="workspace", action=LogEntry.Action.UPDATE)
    assert entry.changes["project"] == ["None", str(project.pk)]
    assert submit(admin, address, "workspace_form", {"project": ""}).status_code == 302
    workspace.refresh_from_db()
    assert workspace.project is None


def test_workspaces_are_filtered_by_their_project(admin: Client, inside: Workspace) -> None:
    WorkspaceFactory.create(organization=inside.organization, name="outside-of-it")
    content = admin.get(f"{page(f'{WORKSPACES}_changelist')}?project__id__exact={inside.project_id}").content
    assert b"inside" in content
    assert b"outside-of-it" not in content
    text = admin.get(f"{page(f'{WORKSPACES}_changelist')}?project__isnull=True").content.decode()
    assert "outside-of-it" in text
    assert re.search(r'<li class="tk-chosen"><a href="[^"]*project__isnull=True[^"]*" title="Not set">', text)


def test_a_project_with_workspaces_is_not_deleted(admin: Client, project: Project, inside: Workspace) -> None:
    assert b"inside" in admin.get(page(f"{PROJECTS}_delete", project)).content
    chosen = {"action": "delete_selected", "_selected_action": [str(project.pk)], "post": "yes"}
    for address, data in (
        (page(f"{PROJECTS}_delete", project), {"post": "yes"}),
        (page(f"{PROJECTS}_changelist"), chosen),
    ):
        admin.post(address, data)
        assert Project.objects.filter(pk=project.pk).exists()
    Workspace.objects.all().delete()
    admin.post(page(f"{PROJECTS}_delete", project), {"post": "yes"})
    assert not Project.objects.exists()


def test_a_new_workspace_s_project_is_one_of_its_organization(admin: Client, project: Project) -> None:
    elsewhere: Organization = OrganizationFactory.create()
    typed = {"organization": str(elsewhere.pk), "project": str(project.pk), "name": "made", "source": "empty",
             "branch": "main", "terraform_version": "1.11.4"}  # fmt: skip
    response = submit(admin, page(f"{WORKSPACES}_add"), "workspace_form", typed)
    assert response.status_code == 200
    assert b"The project belongs to another organization." in response.content
    typed["organization"] = str(project.organization_id)
    assert submit(admin, page(f"{WORKSPACES}_add"), "workspace_form", typed).status_code == 302
    assert project.workspaces.get().name == "made"


def test_who_manages_a_project_s_workspaces_makes_them_there(project: Project, inside: Workspace) -> None:
    guest = with_access(project, role="write")
    typed: dict[str, Any] = {
        "organization": str(project.organization_id), "project": str(project.pk), "name": "made", "source": "empty",
        "branch": "main", "terraform_version": "1.11.4",
    }  # fmt: skip
    outside = submit(guest, page(f"{WORKSPACES}_add"), "workspace_form", {**typed, "project": ""}, follow=True)
    assert "none of your teams there has the right" in said(outside)
    assert Workspace.objects.count() == 1
    assert submit(guest, page(f"{WORKSPACES}_add"), "workspace_form", typed).status_code == 302
    assert {one.name for one in project.workspaces.all()} == {"inside", "made"}
    # A move would take the right in both projects, so the page offers none.
    assert b'name="project"' not in guest.get(page(f"{WORKSPACES}_settings", inside)).content
    assert (
        submit(guest, page(f"{WORKSPACES}_settings", inside), "workspace_form", {"description": "x"}).status_code == 302
    )


def test_who_may_only_read_sees_the_project_and_changes_nothing(
    project: Project, inside: Workspace, sign_in: SignIn
) -> None:
    for client in (with_access(project, role="read"), sign_in(project.organization, role="read")):
        content = client.get(page(f"{PROJECTS}_change", project)).content
        assert b"inside" in content
        assert b'name="_save"' not in content
        assert client.get(page(f"{PROJECTS}_add")).status_code == 403
        assert client.get(page(f"{WORKSPACES}_add")).status_code == 403


def test_a_refused_move_is_said(project: Project, inside: Workspace) -> None:
    target: Project = ProjectFactory.create(organization=project.organization)
    Access.objects.create(workspace=inside, name="GUESTS", role="admin")
    guest = with_access(project, role="admin")
    ProjectAccess.objects.create(project=target, name="GUESTS", role="write")
    response = submit(
        guest, page(f"{WORKSPACES}_settings", inside), "workspace_form", {"project": str(target.pk)}, follow=True
    )
    assert "You may not move a workspace" in said(response)
    inside.refresh_from_db()
    assert inside.project == project


@pytest.mark.usefixtures("german")
def test_pages_of_projects_are_in_the_reader_s_language(client: Client, project: Project, inside: Workspace) -> None:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    client.cookies["django_language"] = "de"
    content = client.get(page(f"{PROJECTS}_changelist")).content.decode()
    assert "Projekte" in content
    content = client.get(page(f"{PROJECTS}_change", project)).content.decode()
    assert "Zugang für Gruppen zu allen Workspaces des Projekts" in content


# ---- many workspaces ------------------------------------------------------------------------------------------------


def move(client: Client, workspaces: list[Workspace], project: Project | None, **button: str) -> Any:
    sent = {"action": "move", "_selected_action": [str(one.pk) for one in workspaces], **button}
    return client.post(
        page(f"{WORKSPACES}_changelist"), {**sent, "project": "" if project is None else str(project.pk)}, follow=True
    )


def test_many_workspaces_are_moved_and_the_effect_is_shown_first(
    admin: Client, project: Project, inside: Workspace
) -> None:
    outside: Workspace = WorkspaceFactory.create(organization=project.organization)
    foreign: Workspace = WorkspaceFactory.create()
    chosen = [inside, outside, foreign]
    preview = move(admin, chosen, project, _preview="1")
    effects = {one.workspace: (one.before, one.changes, bool(one.refused)) for one in preview.context["effects"]}
    assert effects == {inside: ("networks", False, False), outside: (None, True, False), foreign: (None, False, True)}
    assert set(project.workspaces.all()) == {inside}
    done = move(admin, chosen, project, _apply="1")
    assert "2 workspaces: moved to networks." in said(done)
    assert "The project belongs to another organization." in said(done)
    assert set(project.workspaces.all()) == {inside, outside}
    assert "1 workspace: taken out of a project." in said(move(admin, [inside], None, _apply="1"))
    assert set(project.workspaces.all()) == {outside}


def test_many_are_moved_by_who_manages_both_projects(project: Project, inside: Workspace) -> None:
    target: Project = ProjectFactory.create(organization=project.organization)
    guest = with_access(project, role="admin")
    ProjectAccess.objects.create(project=target, name="GUESTS", role="write")
    preview = move(guest, [inside], target, _preview="1")
    assert "You may not move a workspace" in preview.context["effects"][0].refused
    assert "You may not move a workspace" in said(move(guest, [inside], target, _apply="1"))
    assert inside in project.workspaces.all()
    ProjectAccess.objects.update(role="admin")
    move(guest, [inside], target, _apply="1")
    assert inside in target.workspaces.all()
    ProjectAccess.objects.update(role="write")
    assert b"Move to a project" not in guest.get(page(f"{WORKSPACES}_changelist")).content


def test_a_preview_of_many_asks_the_database_no_more_often_than_one_of_few(project: Project, sign_in: SignIn) -> None:
    client = sign_in(project.organization, role="write")
    workspaces = [WorkspaceFactory.create(organization=project.organization) for _ in range(12)]

    def asked(chosen: list[Workspace]) -> int:
        with CaptureQueriesContext(connection) as captured:
            effects = move(client, chosen, project, _preview="1").context["effects"]
        assert [one.changes for one in effects] == [True] * len(chosen)
        return len(captured)

    assert asked(workspaces) == asked(workspaces[:2])
