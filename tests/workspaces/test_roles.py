"""What the role and the flags of a team and of an access give: Terrakube's table, word by word."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import TeamFactory, UserFactory, WorkspaceFactory, member
from workspaces.actors import TokenUser
from workspaces.errors import NotAllowed
from workspaces.models import Access, Workspace
from workspaces.permissions import rights
from workspaces.roles import parse_role
from workspaces.services.accesses import create_access, update_access
from workspaces.services.records import delete_record

pytestmark = pytest.mark.django_db

OF_TEAMS = {"manage_module", "manage_provider", "manage_vcs", "manage_template", "manage_collection"}
OF_BOTH = {"manage_state", "manage_workspace", "plan_job", "approve_job"}
FLAGS = OF_TEAMS | OF_BOTH | {"manage_job"}
WRITE = OF_BOTH | {"read", "manage_job"}
MANAGES = {"create_workspace", "manage_access"}

# What is stored as role, and what it gives to the members of a team, whatever the flags say; None: the flags decide.
ROLES: dict[str | None, set[str] | None] = {
    "admin": OF_TEAMS | WRITE | MANAGES,
    "write": WRITE | MANAGES,
    "plan": {"read", "plan_job", "manage_job"},
    "read": {"read"},
    "custom": None,
    None: None,
    "": None,
    "  ": None,
    " ADMIN ": OF_TEAMS | WRITE | MANAGES,
    "Write\n": WRITE | MANAGES,
    "CUSTOM": None,
    "owner": {"read"},
    "administrator": {"read"},
    "0": {"read"},
}


def given_to(workspace: Workspace, group: str) -> set[str]:
    found = rights(TokenUser(name="ana", groups=frozenset({group})), workspace.organization, workspace)
    return {name for name in found.__dataclass_fields__ if getattr(found, name)}


def by_flag(flag: str) -> set[str]:
    """What one flag gives a team where flags decide."""
    more = {"manage_workspace": MANAGES, "plan_job": {"manage_job"}, "approve_job": {"manage_job"}}
    return {"read"} if flag == "manage_job" else {"read", flag, *more.get(flag, ())}


@pytest.mark.parametrize("role", ROLES, ids=repr)
def test_a_team_gives_what_its_role_says_and_flags_count_under_custom_alone(role: str | None) -> None:
    workspace = WorkspaceFactory.create()
    wanted = ROLES[role]
    TeamFactory.create(organization=workspace.organization, name="BARE", role=role)
    assert given_to(workspace, "BARE") == (wanted or {"read"})
    for flag in sorted(FLAGS):
        TeamFactory.create(organization=workspace.organization, name=flag, role=role, **{flag: True})
        assert given_to(workspace, flag) == (by_flag(flag) if wanted is None else wanted), flag


@pytest.mark.parametrize("role", ROLES, ids=repr)
def test_an_access_gives_the_same_on_its_workspace_without_what_only_teams_have(role: str | None) -> None:
    workspace = WorkspaceFactory.create()
    other = WorkspaceFactory.create(organization=workspace.organization)
    wanted = ROLES[role]
    is_admin = parse_role(role) == "admin"
    here = OF_TEAMS | {"create_workspace"} | (set() if is_admin else {"manage_access"})
    for flag in sorted((OF_BOTH | {"manage_job"}) & {field.name for field in Access._meta.fields}):
        Access.objects.create(workspace=workspace, name=flag, role=role, **{flag: True})
        assert given_to(workspace, flag) == (by_flag(flag) if wanted is None else wanted) - here, flag
        assert given_to(other, flag) == set()


def test_several_teams_and_accesses_add_up() -> None:
    workspace = WorkspaceFactory.create()
    user = member(TeamFactory.create(organization=workspace.organization, name="PLANNERS", role="plan"))
    team = TeamFactory.create(organization=workspace.organization, name="VCS", manage_vcs=True)
    user.groups.create(name=team.name)
    user.groups.create(name="GUESTS")
    Access.objects.create(workspace=workspace, name="GUESTS", approve_job=True)
    found = rights(user, workspace.organization, workspace)
    assert (found.plan_job, found.manage_vcs, found.approve_job, found.manage_workspace) == (True, True, True, False)
    assert not rights(user, workspace.organization).approve_job


def test_a_user_who_is_not_active_has_no_rights() -> None:
    workspace = WorkspaceFactory.create()
    user = member(TeamFactory.create(organization=workspace.organization, role="admin"))
    boss = UserFactory.create(is_superuser=True)
    for one in (user, boss):
        assert rights(one, workspace.organization).manage_workspace
        one.is_active = False
        one.save()
        assert not any(getattr(rights(one, workspace.organization), name) for name in WRITE)


# ---- who gives rights on a workspace --------------------------------------------------------------------------------

GIVERS: dict[str, dict[str, Any]] = {
    "team write": {"team": {"role": "write"}},
    "team manager": {"team": {"manage_workspace": True}},
    "team planner": {"team": {"role": "plan"}},
    "access admin": {"access": {"role": " Admin"}},
    "access write": {"access": {"role": "write"}},
    "access manager": {"access": {"manage_workspace": True}},
}
GIFTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "read": ({"role": "read"}, {"team write", "team manager", "access admin"}),
    "plan": ({"role": "plan"}, {"team write", "access admin"}),
    "write": ({"role": "WRITE"}, {"team write", "access admin"}),
    "admin": ({"role": "admin"}, {"team write", "access admin"}),
    "flag manageWorkspace": ({"manage_workspace": True}, {"team write", "team manager", "access admin"}),
    "flag approveJob": ({"approve_job": True}, {"team write", "access admin"}),
    "flag approveJob under read": ({"role": "read", "approve_job": True}, {"team write", "access admin"}),
    "unknown role": ({"role": "owner"}, {"team write", "team manager", "access admin"}),
}


@pytest.mark.parametrize("gift", GIFTS)
@pytest.mark.parametrize("giver", GIVERS)
def test_nobody_gives_a_role_or_flag_that_they_lack(giver: str, gift: str) -> None:
    workspace = WorkspaceFactory.create()
    TeamFactory.create(organization=workspace.organization, name="GIVERS", **GIVERS[giver].get("team", {"role": "?"}))
    if "access" in GIVERS[giver]:
        Access.objects.create(workspace=workspace, name="GIVERS", **GIVERS[giver]["access"])
    by = TokenUser(name="ana", groups=frozenset({"GIVERS"}))
    fields, allowed = GIFTS[gift]
    outsiders = Access.objects.create(workspace=workspace, name="OUTSIDERS", role="read")

    if giver in allowed:
        create_access(Access(workspace=workspace, name="FRIENDS", **fields), by=by)
        update_access(outsiders, fields, by=by)
    else:
        with pytest.raises(NotAllowed, match="You may not"):
            create_access(Access(workspace=workspace, name="FRIENDS", **fields), by=by)
        with pytest.raises(NotAllowed, match="You may not"):
            update_access(outsiders, fields, by=by)
    outsiders.refresh_from_db()
    wanted = fields if giver in allowed else {"role": "read"}
    assert {name: getattr(outsiders, name) for name in wanted} == wanted
    assert Access.objects.filter(name="FRIENDS").exists() is (giver in allowed)


def test_an_access_with_the_rights_of_others_is_not_taken_over_by_its_name() -> None:
    workspace = WorkspaceFactory.create()
    TeamFactory.create(organization=workspace.organization, name="MANAGERS", manage_workspace=True)
    by = TokenUser(name="ana", groups=frozenset({"MANAGERS"}))
    strong = Access.objects.create(workspace=workspace, name="APPROVERS", role="write")
    with pytest.raises(NotAllowed, match="approve_job"):
        update_access(strong, {"name": "MANAGERS"}, by=by)
    delete_record(strong, by=by)
    assert not Access.objects.exists()


@pytest.mark.parametrize(("role", "shown"), [(" aDMin ", True), ("write", False), ("custom", False), (None, False)])
def test_accesses_are_seen_by_who_may_change_them(role: str | None, shown: bool) -> None:
    workspace = WorkspaceFactory.create()
    other = WorkspaceFactory.create(organization=workspace.organization)
    Access.objects.create(workspace=workspace, name="GUESTS", role=role, manage_workspace=True)
    Access.objects.create(workspace=other, name="ELSEWHERE")
    guest = TokenUser(name="guest", groups=frozenset({"GUESTS"}))
    assert {row.name for row in Access.objects.visible_to(guest)} == ({"GUESTS"} if shown else set())
    for name, stored in (("A", "Admin"), ("W", " write"), ("M", None), ("C", " Custom "), ("P", "plan"), ("R", "read")):
        TeamFactory.create(organization=workspace.organization, name=name, role=stored, manage_workspace=True)
        member_of = TokenUser(name="member", groups=frozenset({name}))
        assert Access.objects.visible_to(member_of).count() == (0 if name in "PR" else 2), name
