"""Teams, their members, and their access to workspaces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.api.client import Api, detail, token_of
from tests.factories import TeamFactory, UserFactory, WorkspaceFactory, member
from workspaces.models import Access, Identity, Organization, Project, ProjectAccess, Team, Workspace
from workspaces.roles import granted_rights


@pytest.fixture
def admin(organization: Organization) -> Api:
    return Api(token_of("TERRAKUBE_ADMIN"), prefix="/api/v2/")


@pytest.fixture
def owner(organization: Organization) -> Api:
    return Api(token_of("OWNERS"), prefix="/api/v2/")


def listed(kind: str, *keys: object) -> dict[str, Any]:
    return {"data": [{"type": kind, "id": str(key)} for key in keys]}


def error_of(response: Any) -> tuple[int, str]:
    return response.status_code, json.loads(response.content)["errors"][0].get("source", {}).get("pointer", "")


def patched(api: Api, path: str, kind: str, attributes: dict[str, Any]) -> Any:
    response = api.patch(path, kind, attributes)
    assert response.status_code == 200, response.content
    return json.loads(response.content)["data"]["attributes"]


def test_a_team_is_created_changed_and_deleted(admin: Api) -> None:
    made = admin.made("organizations/net/teams", "teams", {"name": "PILOTS"})
    assert made["attributes"]["visibility"] == "organization"
    assert made["attributes"]["users-count"] == 0
    assert made["attributes"]["permissions"] == {"can-destroy": True, "can-update-membership": True}
    path = f"teams/{made['id']}"
    assert admin.read(path)["data"] == made
    assert patched(admin, path, "teams", {"name": "Crew one"})["name"] == "Crew one"
    assert admin.post("organizations/net/teams", "teams", {"name": "Crew one"}).status_code == 422
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404


def test_teams_are_found_by_names_and_by_a_part_of_one(owner: Api, organization: Organization) -> None:
    TeamFactory.create(name="OWNERS")
    for query, names in (
        ("", ["OWNERS", "READERS"]),
        ("?filter%5Bnames%5D=READERS,NONE", ["READERS"]),
        ("?q=own", ["OWNERS"]),
    ):
        found = owner.read(f"organizations/net/teams{query}")["data"]
        assert [team["attributes"]["name"] for team in found] == names
        assert not found[0]["attributes"]["permissions"]["can-destroy"]


def test_a_switch_that_changes_makes_flags_of_a_role(admin: Api, organization: Organization) -> None:
    team = TeamFactory.create(organization=organization, role="write", manage_vcs=True)
    path = f"teams/{team.pk}"
    shown = admin.read(path)["data"]["attributes"]["organization-access"]
    assert shown["manage-workspaces"] is shown["manage-projects"] is shown["read-workspaces"] is True
    assert not shown["manage-vcs-settings"]
    patched(admin, path, "teams", {"organization-access": shown})
    team.refresh_from_db()
    assert team.role == "write"
    after = patched(admin, path, "teams", {"organization-access": {"manage-modules": True}})
    assert after["organization-access"] == shown | {"manage-modules": True}
    team.refresh_from_db()
    assert team.role == "custom"
    assert not team.manage_vcs
    off = {"manage-workspaces": False, "manage-projects": False}
    after = patched(admin, path, "teams", {"organization-access": off})
    assert after["organization-access"] == shown | {"manage-modules": True} | off
    team.refresh_from_db()
    assert granted_rights(team, of_team=True) == {"read", "manage_module"}


def test_what_a_team_cannot_be_is_refused(admin: Api, organization: Organization) -> None:
    path, access = "organizations/net/teams", "organization-access"
    for attributes, pointer in (
        ({"visibility": "secret"}, "visibility"),
        ({"sso-team-id": "x"}, "sso-team-id"),
        ({"allow-member-token-management": False}, "allow-member-token-management"),
        ({access: {"read-workspaces": False}}, f"{access}/read-workspaces"),
        ({access: {"manage-teams": True}}, f"{access}/manage-teams"),
        ({access: {"manage-workspaces": True, "manage-projects": False}}, f"{access}/manage-projects"),
        ({access: {"manage-modules": 1}}, f"{access}/manage-modules"),
        ({access: []}, access),
        ({"name": "x" * 65}, "name"),
        ({"name": ""}, "name"),
    ):
        response = admin.post(path, "teams", {"name": "MADE"} | attributes)
        assert error_of(response) == (422, f"/data/attributes/{pointer}"), attributes
    made = admin.made(path, "teams", {"name": "MADE", access: {"manage-policies": True}})
    assert not made["attributes"][access]["manage-policies"]


def test_members_come_and_go_by_name(admin: Api, organization: Organization) -> None:
    team = organization.teams.get(name="READERS")
    user = UserFactory.create(username="ada", email="ada@example.com")
    path = f"teams/{team.pk}/relationships"
    assert admin.call("POST", f"{path}/users", listed("users", "ada")).status_code == 204
    read = admin.read(f"teams/{team.pk}?include=users,organization-memberships")
    assert read["data"]["attributes"]["users-count"] == 1
    (found, membership) = read["included"]
    assert (found["id"], found["attributes"]["username"]) == (f"user-{user.pk}", "ada")
    assert membership["id"] == f"ou-{organization.pk}-{user.pk}"
    listed_there = admin.read("organizations/net/organization-memberships?filter%5Bemail%5D=ada@example.com")["data"]
    assert listed_there == [membership]
    assert [row["id"] for row in membership["relationships"]["teams"]["data"]] == [str(team.pk)]
    assert admin.read(f"organization-memberships/{membership['id']}?include=user,teams")["data"] == membership
    body = listed("organization-memberships", membership["id"])
    owners = organization.teams.get(name="OWNERS")
    assert admin.call("POST", f"teams/{owners.pk}/relationships/organization-memberships", body).status_code == 204
    assert set(user.groups.values_list("name", flat=True)) == {"OWNERS", "READERS"}
    assert admin.call("DELETE", f"{path}/organization-memberships", body).status_code == 204
    assert admin.call("DELETE", f"teams/{owners.pk}/relationships/users", listed("users", "ada")).status_code == 204
    assert not user.groups.exists()
    assert admin.get(f"organization-memberships/{membership['id']}").status_code == 404


def test_members_of_the_issuer_s_groups_are_changed_there(admin: Api, organization: Organization) -> None:
    team = organization.teams.get(name="READERS")
    user = UserFactory.create(username="grace")
    Identity.objects.create(user=user, issuer="https://issuer.example", subject="1")
    path = f"teams/{team.pk}/relationships/users"
    for name, word in (("grace", "issuer"), ("nobody", "No user is named")):
        response = admin.call("POST", path, listed("users", name))
        assert response.status_code == 422
        assert word in detail(response)


def test_colleagues_see_each_other_and_no_one_else(organization: Organization) -> None:
    colleague, stranger = member(Team.objects.get(name="OWNERS")), member(TeamFactory.create())
    caller = UserFactory.create(username="me", email="me@example.com")
    api = Api(token_of("READERS"), prefix="/api/v2/")
    assert api.get(f"users/user-{colleague.pk}").status_code == 200
    for user in (stranger, caller):
        assert api.get(f"users/user-{user.pk}").status_code == 404
        assert api.get(f"organization-memberships/ou-{organization.pk}-{user.pk}").status_code == 404
    for text in ("nonexisting", "user-", "user-0x1", "user-99999999999"):
        assert api.get(f"users/{text}").status_code == 404
        assert api.get(f"organization-memberships/ou-{text}").status_code == 404
    found = api.read("organizations/net/organization-memberships")["data"]
    assert [row["id"] for row in found] == [f"ou-{organization.pk}-{colleague.pk}"]
    assert User.objects.count() == 3


def access_body(team: Team, workspace: Workspace, **attributes: Any) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return {
        "data": {
            "type": "team-workspaces",
            "attributes": named,
            "relationships": {
                "team": {"data": {"type": "teams", "id": str(team.pk)}},
                "workspace": {"data": {"type": "workspaces", "id": str(workspace.pk)}},
            },
        }
    }


def test_a_team_gets_access_to_a_workspace(owner: Api, organization: Organization, workspace: Workspace) -> None:
    team = TeamFactory.create(organization=organization, name="PILOTS")
    response = owner.call("POST", "team-workspaces", access_body(team, workspace, access="write"))
    assert response.status_code == 201, response.content
    made = json.loads(response.content)["data"]
    assert made["attributes"] == {
        "access": "write", "runs": "apply", "variables": "write", "state-versions": "write",
        "sentinel-mocks": "read", "workspace-locking": True, "run-tasks": False, "policy-overrides": False,
    }  # fmt: skip
    assert made["relationships"]["team"]["data"]["id"] == str(team.pk)
    path = f"team-workspaces/{made['id']}"
    assert owner.read(path)["data"] == made
    assert owner.read(f"team-workspaces?filter%5Bworkspace%5D%5Bid%5D={workspace.pk}")["data"] == [made]
    assert owner.call("POST", "team-workspaces", access_body(team, workspace, access="read")).status_code == 422
    after = patched(owner, path, "team-workspaces", {"access": "custom", "runs": "plan"})
    assert (after["access"], after["runs"], after["variables"], after["workspace-locking"]) == (
        "custom", "plan", "write", True
    )  # fmt: skip
    access = Access.objects.get(pk=made["id"])
    assert granted_rights(access, of_team=False) == {
        "read", "plan_job", "manage_job", "manage_workspace", "manage_state"
    }  # fmt: skip
    after = patched(owner, path, "team-workspaces", {"variables": "read", "state-versions": "none"})
    assert (after["variables"], after["workspace-locking"], after["state-versions"]) == ("read", False, "none")
    assert owner.delete(path).status_code == 204
    assert owner.get(path).status_code == 404


def test_no_step_gives_more_than_it_says(owner: Api, organization: Organization, workspace: Workspace) -> None:
    team = TeamFactory.create(organization=organization, name="PILOTS")
    for attributes, pointer in (
        ({"access": "owner"}, "access"),
        ({}, "access"),
        ({"access": "read", "runs": "apply"}, "runs"),
        ({"access": "custom", "variables": "none"}, "variables"),
        ({"access": "custom", "state_versions": "read"}, "state-versions"),
        ({"access": "custom", "variables": "write", "workspace_locking": False}, "workspace-locking"),
        ({"access": "custom", "workspace_locking": True}, "workspace-locking"),
    ):
        response = owner.call("POST", "team-workspaces", access_body(team, workspace, **attributes))
        assert error_of(response) == (422, f"/data/attributes/{pointer}"), attributes
    response = owner.call("POST", "team-workspaces", access_body(team, workspace, access="read", runs="apply"))
    assert json.loads(response.content)["errors"][0]["title"] == "invalid attribute"
    foreign = TeamFactory.create()
    assert owner.call("POST", "team-workspaces", access_body(foreign, workspace, access="read")).status_code == 404
    other = WorkspaceFactory.create()
    assert owner.call("POST", "team-workspaces", access_body(team, other, access="read")).status_code == 404
    assert owner.get("team-workspaces").status_code == 422
    assert not Access.objects.exists()


def project_body(team: Team, project: object, **attributes: Any) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return {
        "data": {
            "type": "team-projects",
            "attributes": named,
            "relationships": {
                "team": {"data": {"type": "teams", "id": str(team.pk)}},
                "project": {"data": {"type": "projects", "id": str(project)}},
            },
        }
    }


def test_a_team_gets_access_to_a_project(owner: Api, organization: Organization) -> None:
    team = TeamFactory.create(organization=organization, name="PILOTS")
    project = Project.objects.create(organization=organization, name="networks")
    response = owner.call("POST", "team-projects", project_body(team, project.pk, access="write"))
    assert response.status_code == 201, response.content
    made = json.loads(response.content)["data"]
    assert made["attributes"]["project-access"] == {"settings": "read", "teams": "none", "variable-sets": "none"}
    assert made["attributes"]["workspace-access"] == {
        "runs": "apply", "variables": "write", "state-versions": "write", "sentinel-mocks": "read", "create": True,
        "locking": True, "move": False, "delete": False, "run-tasks": False, "policy-overrides": False,
    }  # fmt: skip
    assert made["relationships"]["team"]["data"]["id"] == str(team.pk)
    path = f"team-projects/{made['id']}"
    assert owner.read(path)["data"] == made
    assert owner.read(f"team-projects?filter%5Bproject%5D%5Bid%5D={project.pk}")["data"] == [made]
    after = patched(owner, path, "team-projects", {"access": "custom", "workspace-access": {"runs": "plan"}})
    assert (after["access"], after["workspace-access"]["runs"]) == ("custom", "plan")
    access = ProjectAccess.objects.get(pk=made["id"])
    assert granted_rights(access, of_team=False) == {
        "read", "plan_job", "manage_job", "manage_workspace", "manage_state"
    }  # fmt: skip
    assert patched(owner, path, "team-projects", {"access": "read"})["workspace-access"]["runs"] == "read"
    assert owner.delete(path).status_code == 204
    assert owner.get(path).status_code == 404


def test_a_project_gives_no_more_than_its_levels(owner: Api, organization: Organization) -> None:
    team = TeamFactory.create(organization=organization, name="PILOTS")
    project = Project.objects.create(organization=organization, name="networks")
    for attributes, pointer in (
        ({"access": "maintain"}, "access"),
        ({}, "access"),
        ({"access": "read", "workspace_access": {"runs": "plan"}}, "workspace-access"),
        ({"access": "custom", "project_access": {"teams": "manage"}}, "project-access/teams"),
        ({"access": "custom", "workspace_access": {"create": True}}, "workspace-access/create"),
        ({"access": "custom", "workspace_access": {"delete": True}}, "workspace-access/delete"),
        (
            {"access": "custom", "workspace_access": {"variables": "write", "locking": False}},
            "workspace-access/locking",
        ),
        ({"access": "custom", "workspace_access": []}, ""),
    ):
        response = owner.call("POST", "team-projects", project_body(team, project.pk, **attributes))
        if pointer:
            assert error_of(response) == (422, f"/data/attributes/{pointer}"), attributes
        else:
            assert response.status_code == 201
    default = project_body(team, f"prj-{organization.pk}", access="read")
    assert error_of(owner.call("POST", "team-projects", default)) == (422, "/data/relationships/project")
    assert owner.read(f"team-projects?filter%5Bproject%5D%5Bid%5D=prj-{organization.pk}")["data"] == []
    assert owner.get("team-projects").status_code == 422
