"""The pages that say who may do what on a workspace and why, and what one person may do everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from tests.factories import PLAN, OrganizationFactory, TeamFactory, TemplateFactory, UserFactory, WorkspaceFactory
from tests.panel.forms import submit
from workspaces.choices import JobStatus
from workspaces.models import Access, AccessToken, Job, Project, ProjectAccess, Team, Workspace
from workspaces.permissions import rights
from workspaces.querysets import Scope
from workspaces.services.jobs import create_job
from workspaces.services.who_may import ON_WORKSPACE, as_people, grants_on, users_with

pytestmark = pytest.mark.django_db
EVERYTHING = Scope(everything=True)


def user_in(name: str, *groups: str, **fields: object) -> User:
    user: User = UserFactory.create(username=name, email=f"{name}@site.example", **fields)
    user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
    return user


@pytest.fixture
def workspace() -> Workspace:
    """A workspace on which groups have rights by a team, its project and an access."""
    organization = OrganizationFactory.create(name="acme")
    project = Project.objects.create(organization=organization, name="core")
    found: Workspace = WorkspaceFactory.create(organization=organization, project=project, name="network")
    TeamFactory.create(organization=organization, name="planners", role="plan")
    TeamFactory.create(organization=organization, name="odd", role="owner", approve_job=True)
    ProjectAccess.objects.create(project=project, name="approvers", approve_job=True)
    Access.objects.create(workspace=found, name="guests", role="Admin")
    user_in("ann", "planners", "approvers")
    user_in("bob", "guests")
    user_in("cem", "odd")
    user_in("inactive-dora", "approvers", is_active=False)
    user_in("outsider", "elsewhere")
    return found


def page(client: Client, workspace: Workspace, **asked: str) -> str:
    response = client.get(reverse("admin:workspaces_workspace_who_may", args=[workspace.pk]), asked)
    assert response.status_code == 200
    return response.content.decode()


def row(text: str, begin: str) -> str:
    """The cells of the row whose first cell begins with a text, without markup."""
    rows = [re.sub(r"<[^>]+>", " ", one) for one in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)]
    return next(" ".join(one.split()) for one in rows if one.split()[:1] == [begin])


def test_what_is_said_of_each_person_is_what_they_may(workspace: Workspace, settings: Settings) -> None:
    user_in("root", is_superuser=True)
    user_in("fay", settings.ADMIN_GROUP)
    grants = grants_on(workspace, EVERYTHING)
    people = {one.user.username: one for one in as_people(users_with(grants), grants)}
    assert people.keys() == {"ann", "bob", "cem", "root", "fay"}
    for person in people.values():
        real = rights(User.objects.get(pk=person.user.pk), workspace.organization, workspace)
        assert {name for name in ON_WORKSPACE if name in person.rights} == {
            name for name in ON_WORKSPACE if getattr(real, name)
        }, person.user.username
    approvers = {user.username for user in users_with(grants, "approve_job")}
    assert approvers == {"ann", "bob", "root", "fay"}


def test_the_page_of_a_workspace_says_who_may_what_and_through_what(admin: Client, workspace: Workspace) -> None:
    text = page(admin, workspace)
    assert row(text, "planners") == "planners Team of acme Plan 1 yes – yes – – – –"
    assert row(text, "approvers") == "approvers Access to the project core Custom 1 – yes yes – – – –"
    assert row(text, "guests") == "guests Access to the workspace network Admin 1 yes yes yes yes yes yes –"
    assert row(text, "odd") == "odd Team of acme owner: unknown role, read only 1 – – – – – – –"
    assert row(text, "ann") == "ann approvers (Custom), planners (Plan) yes yes yes – – – –"
    assert "inactive-dora" not in text
    assert "outsider" not in text


def test_who_may_approve_is_answered_in_one_page(admin: Client, workspace: Workspace) -> None:
    text = page(admin, workspace, right="approve_job")
    assert "planners" not in text.split("</form>")[1].split("People")[0]
    assert row(text, "approvers")
    assert row(text, "ann")
    assert "cem" not in text
    assert "bob" in page(admin, workspace, right="approve_job", q="BOB@")
    assert "ann" not in page(admin, workspace, right="approve_job", q="bob")


def test_a_named_team_decides_the_job_that_waits_and_not_who_started_it(admin: Client, workspace: Workspace) -> None:
    starter = User.objects.get(username="ann")
    workspace.organization.no_self_approval = True
    workspace.organization.save()
    job = create_job(workspace, by=None, tcl=PLAN)
    Job.objects.filter(pk=job.pk).update(
        status=JobStatus.WAITING_APPROVAL, approval_team="planners", acts_for_site=False, acts_for_user_id=starter.pk
    )
    text = page(admin, workspace, right="approve_job")
    assert "waits for the team planners" in text
    assert row(text, "planners")
    assert "Started it, may not approve it" in row(text, "ann")
    assert "bob" not in text
    assert "forbids self-approval" in text


def test_users_are_listed_to_who_may_change_accesses_and_groups_to_who_sees_teams(
    workspace: Workspace, sign_in: Callable[..., Client]
) -> None:
    member = page(sign_in(workspace.organization, role="plan"), workspace)
    assert "planners" in member
    assert "guests" not in member
    assert "ann" not in re.findall(r"\w+", member)
    assert "You may:" in member
    assert "Start plans, Cancel jobs" in " ".join(member.split())
    manager = page(sign_in(workspace.organization, role="write"), workspace)
    assert row(manager, "ann")
    assert reverse("admin:auth_user_rights", args=[User.objects.get(username="ann").pk]) in manager
    stranger = sign_in(OrganizationFactory.create(), role="admin")
    address = reverse("admin:workspaces_workspace_who_may", args=[workspace.pk])
    assert stranger.get(address).status_code == 404


def test_the_page_of_a_workspace_takes_the_same_queries_for_many(
    admin: Client, workspace: Workspace, django_assert_max_num_queries: Callable[..., object]
) -> None:
    group = Group.objects.get(name="planners")
    for number in range(60):
        TeamFactory.create(organization=workspace.organization, name=f"team-{number}", role="write")
        UserFactory.create(username=f"many-{number:02}").groups.add(group)
    with django_assert_max_num_queries(16):  # type: ignore[attr-defined]
        text = page(admin, workspace)
    assert "Next page" in text
    assert "many-59" not in text
    assert "many-59" in page(admin, workspace, page="2")


def test_a_persons_page_says_what_they_may_where_and_why_with_tokens_and_last_sign_in(
    admin: Client, workspace: Workspace
) -> None:
    ann = User.objects.get(username="ann")
    address = reverse("admin:auth_user_rights", args=[ann.pk])
    text = admin.get(address).content.decode()
    assert "Never signed in" in text
    assert "No token in force." in text
    assert "Team of acme planners Plan yes" in row(text, "Team")
    assert "Access to the project core approvers Custom – yes" in row(text, "Access")
    User.objects.filter(pk=ann.pk).update(last_login=timezone.now())
    AccessToken.objects.create(user=ann, name="ann", description="of her laptop")
    AccessToken.objects.create(user=ann, name="ann", description="a revoked one", deleted=True)
    AccessToken.objects.create(team="planners", name="planners", description="of the pipeline")
    AccessToken.objects.create(team="odd", name="odd", description="of others")
    text = admin.get(address).content.decode()
    assert "Last sign-in" in text
    assert "of her laptop" in text
    assert "of the pipeline" in text
    assert "a revoked one" not in text
    assert "of others" not in text
    assert address in admin.get(reverse("admin:auth_user_change", args=[ann.pk])).content.decode()
    assert (
        "Not active: no rights"
        in admin.get(
            reverse("admin:auth_user_rights", args=[User.objects.get(username="inactive-dora").pk])
        ).content.decode()
    )
    assert admin.get(reverse("admin:auth_user_rights", args=["x"])).status_code == 404


def test_who_may_change_accesses_sees_what_a_person_has_in_their_organizations(
    admin: Client, workspace: Workspace, sign_in: Callable[..., Client]
) -> None:
    ann = User.objects.get(username="ann")
    elsewhere = OrganizationFactory.create(name="elsewhere")
    ann.groups.add(Group.objects.create(name="secret-circle"))
    TeamFactory.create(organization=elsewhere, name="secret-circle", role="admin")
    TeamFactory.create(organization=elsewhere, name="planners", role="admin")
    AccessToken.objects.create(user=ann, name="ann", description="of her laptop")
    address = reverse("admin:auth_user_rights", args=[ann.pk])
    everything = admin.get(address).content.decode()
    for word in ("elsewhere", "secret-circle", "of her laptop", "Edit the user"):
        assert word in everything
    manager = sign_in(workspace.organization, role="write")
    shown = manager.get(address)
    text = shown.content.decode()
    assert "Team of acme planners Plan yes" in row(text, "Team")
    assert "Only the organizations whose accesses you may change are shown, and no tokens." in text
    for word in ("elsewhere", "secret-circle", "of her laptop", "Edit the user"):
        assert word not in text
    stranger = UserFactory.create(username="stranger")
    stranger.groups.add(Group.objects.get(name="secret-circle"))
    assert manager.get(reverse("admin:auth_user_rights", args=[stranger.pk])).status_code == 404
    assert sign_in(workspace.organization, role="plan").get(address).status_code == 403
    assert sign_in(elsewhere, role="plan").get(address).status_code == 403


def test_a_team_is_a_choice_of_a_group_with_a_table_of_what_its_role_allows(admin: Client) -> None:
    organization = OrganizationFactory.create()
    Group.objects.create(name="Network")
    address = reverse("admin:workspaces_team_add")
    text = admin.get(address).content.decode()
    assert '<option value="Network">' in text
    table = text[text.index("What each role allows") :]
    assert row(table, "Approve") == "Approve and apply yes yes – – its switch"
    assert row(table, "Change") == "Change variables and settings yes yes – – its switch"
    fields = {"organization": str(organization.pk), "name": "network", "role": "plan"}
    response = submit(admin, address, "team_form", fields, follow=True)
    assert Team.objects.get().name == "network"
    assert "Did you mean Network?" in response.content.decode()


def test_the_roles_of_an_access_to_a_project_have_their_table(admin: Client, workspace: Workspace) -> None:
    project = workspace.project
    assert project is not None
    TemplateFactory.create(organization=workspace.organization)
    text = admin.get(reverse("admin:workspaces_project_change", args=[project.pk])).content.decode()
    table = text[text.index("What each role allows") :]
    assert "Manage templates" not in table
    assert row(table[table.index("Cancel jobs") :].replace("Change variables", "Set variables"), "Change") == (
        "Change accesses yes – – – never"
    )


def test_a_job_that_waits_leads_to_who_may_approve_it(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    job = create_job(workspace, by=None, tcl=PLAN)
    Job.objects.filter(pk=job.pk).update(status=JobStatus.WAITING_APPROVAL)
    client = sign_in(workspace.organization, role="plan")
    text = client.get(reverse("admin:workspaces_job_change", args=[job.pk])).content.decode()
    address = f"{reverse('admin:workspaces_workspace_who_may', args=[workspace.pk])}?right=approve_job"
    assert f'href="{address}"' in text
    assert "approvers" not in client.get(address).content.decode()
    Team.objects.create(organization=workspace.organization, name="writers", role="write")
    assert "writers" in client.get(address).content.decode()


def own_page(client: Client) -> str:
    response = client.get(reverse("admin:auth_user_own_rights"))
    assert response.status_code == 200
    return response.content.decode()


def test_everyone_has_a_page_of_their_own_rights(
    workspace: Workspace, django_assert_max_num_queries: Callable[..., object]
) -> None:
    client = Client()
    client.force_login(user_in("eve", "planners", "approvers", is_staff=True))
    for number in range(20):
        Access.objects.create(workspace=WorkspaceFactory.create(), name="approvers", role=f"read{number}")
    with django_assert_max_num_queries(14):  # type: ignore[attr-defined]
        text = own_page(client)
    assert "Team of acme planners Plan yes" in row(text, "Team")
    assert "Access to the project core approvers Custom – yes" in text_of_rows(text)
    assert "guests" not in text
    assert "Edit the user" not in text
    assert reverse("admin:auth_user_own_rights") in client.get(reverse("admin:index")).content.decode()


def text_of_rows(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_who_has_no_rights_is_told_what_to_do_and_an_administrator_that_all_are_theirs(admin: Client) -> None:
    client = Client()
    client.force_login(user_in("new", "nowhere", is_staff=True))
    text = text_of_rows(own_page(client))
    assert "Groups: nowhere" in text
    assert "Ask an administrator to add one of your groups" in text
    assert reverse("admin:auth_user_own_rights") in client.get(reverse("admin:index")).content.decode()
    assert "All rights in every organization" in own_page(admin)
    assert Client().get(reverse("admin:auth_user_own_rights")).status_code == 302


def test_accesses_offer_the_groups_that_there_are(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    TeamFactory.create(name="of-others")
    Group.objects.get_or_create(name="planners")
    manager = sign_in(workspace.organization, role="admin")
    administrator = Client()
    administrator.force_login(user_in("root", is_staff=True, is_superuser=True))
    project = workspace.project
    assert project is not None
    Group.objects.create(name="never-used")
    for address, field in (
        (reverse("admin:workspaces_workspace_access", args=[workspace.pk]), "accesses-0-name"),
        (reverse("admin:workspaces_project_change", args=[project.pk]), "accesses-0-name"),
    ):
        text = manager.get(address).content.decode()
        assert re.search(rf'<input[^>]* name="{field}"[^>]* list="access-groups"', text), address
        assert text.count('<datalist id="access-groups">') == 1
        offered = re.findall(
            r'<option value="([^"]*)">', text.split('<datalist id="access-groups">')[1].split("</data")[0]
        )
        assert {"planners", "approvers", "guests"} <= set(offered)
        assert not {"of-others", "never-used", "elsewhere"} & set(offered)
        assert '<option value="never-used">' in administrator.get(address).content.decode()


def test_who_may_not_change_accesses_is_offered_no_groups(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    text = sign_in(workspace.organization, role="plan")
    page = text.get(reverse("admin:workspaces_workspace_access", args=[workspace.pk])).content.decode()
    assert "access-groups" not in page


def test_a_page_of_own_rights_escapes_names_and_hides_nothing_in_them(
    workspace: Workspace, sign_in: Callable[..., Client]
) -> None:
    client = sign_in(workspace.organization, name="<b>team</b>\u202e")
    workspace.organization.name = "one & two"
    workspace.organization.save()

    page = client.get(reverse("admin:auth_user_own_rights")).content.decode()

    assert "<b>team</b>" not in page
    assert "&lt;b&gt;team&lt;/b&gt;&lt;U+202E&gt;" in page
    assert "one &amp; two</a></td>" in page
