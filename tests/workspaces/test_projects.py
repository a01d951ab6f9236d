"""Projects: what their accesses give on their workspaces, who moves a workspace, and what stands in the way."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import OrganizationFactory, ProjectFactory, TeamFactory, TemplateFactory, WorkspaceFactory
from workspaces.actors import TokenUser
from workspaces.errors import Duplicate, InvalidInput, NotAllowed, WrongState
from workspaces.models import Access, Job, Organization, Project, ProjectAccess, Template, Variable, Workspace
from workspaces.models.token import AccessToken
from workspaces.permissions import projects_with_right, rights, workspaces_with_right
from workspaces.services.accesses import create_access, update_access
from workspaces.services.projects import create_project, delete_project, update_project
from workspaces.services.tokens import retire_team_tokens
from workspaces.services.workspaces import create_workspace, delete_workspace, set_variable, update_workspace

pytestmark = pytest.mark.django_db

GUEST = TokenUser(name="guest", groups=frozenset({"GUESTS"}))
SOURCE = {"source": "empty", "branch": "main", "terraform_version": "1.11.4"}


@pytest.fixture
def project() -> Project:
    found: Project = ProjectFactory.create(name="networks")
    return found


@pytest.fixture
def inside(project: Project) -> Workspace:
    found: Workspace = WorkspaceFactory.create(organization=project.organization, project=project, name="inside")
    return found


@pytest.fixture
def outside(project: Project) -> Workspace:
    found: Workspace = WorkspaceFactory.create(organization=project.organization, name="outside")
    return found


def let(project: Project, **rights_of: Any) -> ProjectAccess:
    return ProjectAccess.objects.create(project=project, name="GUESTS", **rights_of)


def team(organization: Organization, **rights_of: Any) -> TokenUser:
    TeamFactory.create(organization=organization, name="TEAM", **rights_of)
    return TokenUser(name="member", groups=frozenset({"TEAM"}))


# ---- what an access to a project gives ------------------------------------------------------------------------------


def test_an_access_to_a_project_counts_on_each_of_its_workspaces_and_nowhere_else(
    project: Project, inside: Workspace, outside: Workspace
) -> None:
    let(project, role="plan")
    assert rights(GUEST, project.organization, inside).plan_job
    assert not rights(GUEST, project.organization, inside).approve_job
    assert not rights(GUEST, project.organization, outside).read
    assert not rights(GUEST, project.organization).read
    assert rights(GUEST, project.organization, project=project).plan_job
    assert not rights(GUEST, project.organization, project=ProjectFactory.create()).read
    assert workspaces_with_right(GUEST, [inside, outside], "plan_job") == {inside.pk}
    assert workspaces_with_right(GUEST, [inside, outside], "approve_job") == set()
    assert projects_with_right(GUEST, "plan_job") == {project.pk}


def test_it_adds_to_what_teams_and_accesses_give_and_takes_nothing(project: Project, inside: Workspace) -> None:
    let(project, role="read")
    Access.objects.create(workspace=inside, name="GUESTS", plan_job=True)
    TeamFactory.create(organization=project.organization, name="GUESTS", approve_job=True)
    found = rights(GUEST, project.organization, inside)
    assert (found.plan_job, found.approve_job, found.manage_workspace) == (True, True, False)


def test_what_belongs_to_its_workspaces_is_seen_and_nothing_else(
    project: Project, inside: Workspace, outside: Workspace
) -> None:
    Template.objects.all().delete()
    template = TemplateFactory.create(organization=project.organization)
    for one in (inside, outside):
        Job.objects.create(organization=project.organization, workspace=one, template=template)
        set_variable(one, by=None, key="KEY", value="x", category="ENV")
    other = ProjectFactory.create(organization=project.organization)
    assert not Organization.objects.visible_to(GUEST).exists()
    let(project, role="read")
    assert list(Workspace.objects.visible_to(GUEST)) == [inside]
    assert list(Organization.objects.visible_to(GUEST)) == [project.organization]
    assert list(Template.objects.visible_to(GUEST)) == [template]
    assert [job.workspace for job in Job.objects.visible_to(GUEST)] == [inside]
    assert [variable.workspace for variable in Variable.objects.visible_to(GUEST)] == [inside]
    assert list(Project.objects.visible_to(GUEST)) == [project]
    assert list(Project.objects.visible_to(team(project.organization))) == sorted([project, other], key=str)
    # An access to one workspace shows the project that it is in.
    Access.objects.create(workspace=inside, name="FRIENDS")
    friend = TokenUser(name="friend", groups=frozenset({"FRIENDS"}))
    assert list(Project.objects.visible_to(friend)) == [project]


def test_a_project_without_workspaces_shows_its_organization_and_itself(project: Project) -> None:
    let(project, manage_workspace=True)
    assert list(Organization.objects.visible_to(GUEST)) == [project.organization]
    assert list(Project.objects.visible_to(GUEST)) == [project]
    assert not Workspace.objects.visible_to(GUEST).exists()


def test_neither_a_disabled_organization_nor_a_deleted_workspace_is_shown(project: Project, inside: Workspace) -> None:
    let(project, role="admin")
    delete_workspace(inside, by=None)
    assert not Workspace.objects.visible_to(GUEST).exists()
    Workspace.objects.update(deleted=False)
    assert Workspace.objects.visible_to(GUEST).exists()
    Organization.objects.update(disabled=True)
    project.organization.refresh_from_db()
    assert not Workspace.objects.visible_to(GUEST).exists()
    assert not Project.objects.visible_to(GUEST).exists()
    assert not rights(GUEST, project.organization, inside).read
    assert projects_with_right(GUEST, "read") == set()


@pytest.mark.parametrize(("role", "shown"), [(" aDMin ", True), ("write", False), (None, False)])
def test_accesses_are_seen_by_who_may_change_them(project: Project, inside: Workspace, role: str, shown: bool) -> None:
    own = let(project, role=role, manage_workspace=True)
    on_workspace = Access.objects.create(workspace=inside, name="OTHERS")
    ProjectAccess.objects.create(project=ProjectFactory.create(organization=project.organization), name="OTHERS")
    assert list(ProjectAccess.objects.visible_to(GUEST)) == ([own] if shown else [])
    assert list(Access.objects.visible_to(GUEST)) == ([on_workspace] if shown else [])
    assert ProjectAccess.objects.visible_to(team(project.organization, role="write")).count() == 2


def test_questions_are_few_however_many_workspaces_a_project_has(project: Project) -> None:
    let(project, role="plan")

    def asked() -> int:
        found = list(Workspace.objects.select_related("organization"))
        with CaptureQueriesContext(connection) as captured:
            assert workspaces_with_right(GUEST, found, "plan_job") == {one.pk for one in found}
            assert Workspace.objects.visible_to(GUEST).count() == len(found)
            rights(GUEST, project.organization, found[0])
        return len(captured)

    WorkspaceFactory.create(organization=project.organization, project=project)
    few = asked()
    for _ in range(5):
        WorkspaceFactory.create(organization=project.organization, project=project)
    assert asked() == few <= 8


def test_a_team_s_token_stays_while_a_project_names_the_group(project: Project) -> None:
    let(project, role="read")
    token = AccessToken.objects.create(name="t", team="GUESTS", groups=["GUESTS"], created_by="ada")
    retire_team_tokens("GUESTS", by=None)
    token.refresh_from_db()
    assert not token.deleted
    ProjectAccess.objects.all().delete()
    retire_team_tokens("GUESTS", by=None)
    token.refresh_from_db()
    assert token.deleted


# ---- who gives access -----------------------------------------------------------------------------------------------


def test_nobody_gives_a_right_on_a_project_that_they_lack(project: Project, inside: Workspace) -> None:
    manager = team(project.organization, manage_workspace=True)
    create_access(ProjectAccess(project=project, name="A", manage_workspace=True), by=manager)
    with pytest.raises(NotAllowed, match="approve_job"):
        create_access(ProjectAccess(project=project, name="B", role="write"), by=manager)
    own = let(project, role="write")
    with pytest.raises(NotAllowed, match="You may not change a project access"):
        update_access(own, {"role": "admin"}, by=GUEST)
    ProjectAccess.objects.filter(pk=own.pk).update(role="admin")
    create_access(ProjectAccess(project=project, name="B", role="write"), by=GUEST)
    other = ProjectFactory.create(organization=project.organization)
    with pytest.raises(NotAllowed, match="You may not create a project access"):
        create_access(ProjectAccess(project=other, name="B", role="read"), by=GUEST)


# ---- projects -------------------------------------------------------------------------------------------------------


def test_a_project_is_made_changed_and_deleted_by_who_may(project: Project) -> None:
    manager = team(project.organization, role="write")
    made = create_project(project.organization, by=manager, name="Müller & Söhne / Netz")
    assert (made.created_by, made.description) == ("member", None)
    update_project(made, {"description": "d"}, by=manager)
    with pytest.raises(Duplicate):
        create_project(project.organization, by=manager, name="networks")
    create_project(OrganizationFactory.create(), by=None, name="networks")
    delete_project(made, by=manager)
    assert not Project.objects.filter(pk=made.pk).exists()

    let(project, role="write")
    for refused in (
        lambda: create_project(project.organization, by=GUEST, name="mine"),
        lambda: update_project(project, {"description": "x"}, by=GUEST),
        lambda: delete_project(project, by=GUEST),
    ):
        with pytest.raises(NotAllowed, match=r"You may not \w+ a project in"):
            refused()
    ProjectAccess.objects.update(role="admin")
    project.refresh_from_db()
    update_project(project, {"description": "x"}, by=GUEST)
    delete_project(project, by=GUEST)


@pytest.mark.parametrize("name", ["a:b", " a", "a ", "a\nb", "a\0b", "Default Project", "default project", ""])
def test_some_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        create_project(OrganizationFactory.create(), by=None, name=name)


def test_a_project_with_workspaces_stays(project: Project, inside: Workspace) -> None:
    with pytest.raises(WrongState) as refused:
        delete_project(project, by=None)
    assert refused.value.message == ("The project networks still has workspaces: inside. Move or delete them first.")
    for number in range(7):
        WorkspaceFactory.create(organization=project.organization, project=project, name=f"a{number}")
    with pytest.raises(WrongState, match="a0, a1, a2, a3, a4, …"):
        delete_project(project, by=None)
    Workspace.objects.exclude(pk=inside.pk).delete()
    delete_workspace(inside, by=None)
    delete_project(project, by=None)
    inside.refresh_from_db()
    assert inside.project is None


# ---- workspaces in projects -----------------------------------------------------------------------------------------


def test_who_manages_the_workspaces_of_a_project_makes_them_there_alone(project: Project) -> None:
    let(project, manage_workspace=True)
    made = create_workspace(project.organization, by=GUEST, name="mine", project=project, **SOURCE)
    assert made.project == project
    other = ProjectFactory.create(organization=project.organization)
    for wanted in (None, other, ProjectFactory.create()):
        with pytest.raises((NotAllowed, InvalidInput)):
            create_workspace(project.organization, by=GUEST, name="other", project=wanted, **SOURCE)
    with pytest.raises(NotAllowed, match="You may not delete a workspace"):
        delete_workspace(made, by=GUEST)


def test_a_foreign_organization_s_project_is_refused_on_a_workspace(inside: Workspace) -> None:
    foreign: Project = ProjectFactory.create()
    with pytest.raises(InvalidInput, match="The project belongs to another organization"):
        update_workspace(inside, {"project": foreign}, by=None)
    with pytest.raises(InvalidInput, match="The project belongs to another organization"):
        create_workspace(inside.organization, by=None, name="w", project=foreign, **SOURCE)
    let(foreign, role="admin")
    inside.refresh_from_db()
    with pytest.raises((InvalidInput, NotAllowed)):
        create_workspace(inside.organization, by=GUEST, name="w", project=foreign, **SOURCE)


MOVERS: dict[str, tuple[dict[str, Any], bool]] = {
    "team write": ({"team": {"role": "write"}}, True),
    "team manageWorkspace": ({"team": {"manage_workspace": True}}, True),
    "team plan": ({"team": {"role": "plan"}}, False),
    "access admin on the workspace": ({"access": {"role": "admin"}}, False),
    "admin of both projects": ({"source": {"role": "admin"}, "target": {"role": "admin"}}, True),
    "admin of the source": ({"source": {"role": "admin"}}, False),
    "admin of the target": ({"target": {"role": "admin"}}, False),
    "write in both projects": ({"source": {"role": "write"}, "target": {"role": "write"}}, False),
}


@pytest.mark.parametrize("mover", MOVERS)
@pytest.mark.parametrize("through", ["a service", "a form"])
def test_a_workspace_is_moved_by_who_manages_both_projects(
    mover: str, through: str, project: Project, inside: Workspace
) -> None:
    given, allowed = MOVERS[mover]
    target: Project = ProjectFactory.create(organization=project.organization)
    if "team" in given:
        TeamFactory.create(organization=project.organization, name="GUESTS", **given["team"])
    if "access" in given:
        Access.objects.create(workspace=inside, name="GUESTS", **given["access"])
    for name, place in (("source", project), ("target", target)):
        if name in given:
            let(place, **given[name])
    if through == "a form":
        # It sets the record before it saves.
        inside.project = target
    if allowed:
        update_workspace(inside, {"project": target}, by=GUEST)
    else:
        with pytest.raises(NotAllowed, match="You may not"):
            update_workspace(inside, {"project": target}, by=GUEST)
    inside.refresh_from_db()
    assert inside.project == (target if allowed else project)


def test_out_of_a_project_a_workspace_is_taken_by_a_team(project: Project, inside: Workspace) -> None:
    let(project, role="admin")
    with pytest.raises(NotAllowed, match="You may not move a workspace"):
        update_workspace(inside, {"project": None}, by=GUEST)
    inside.refresh_from_db()
    # What a client repeats is no move.
    update_workspace(inside, {"project": project, "description": "same"}, by=GUEST)
    update_workspace(inside, {"project": None}, by=team(project.organization, manage_workspace=True))
    inside.refresh_from_db()
    assert (inside.project, inside.description) == (None, "same")


def test_a_move_gives_no_right_that_the_mover_lacks(project: Project, inside: Workspace) -> None:
    manager = team(project.organization, manage_workspace=True)
    target: Project = ProjectFactory.create(organization=project.organization)
    let(target, role="write")
    with pytest.raises(NotAllowed, match="You may not give rights that you do not have: approve_job"):
        update_workspace(inside, {"project": target}, by=manager)
    ProjectAccess.objects.update(role="read")
    update_workspace(inside, {"project": target}, by=manager)
