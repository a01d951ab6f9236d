"""Teams and memberships as the protocol shows them. A team is the group of its name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import User

from tfe.documents import Json, resource, to_many, to_one
from tfe.included import builds
from tfe.people.organization_access import organization_access
from tfe.people.users import PREFIX, user_object
from workspaces.actors import Actor, is_admin
from workspaces.models import Organization, Team


def membership_id(organization: Organization, user: User) -> str:
    """Return the id of a user's membership in an organization, which no record has."""
    return f"ou-{organization.pk}-{user.pk}"


def members_by_group(names: Iterable[str]) -> dict[str, list[User]]:
    """Return the users in each of some groups."""
    found: dict[str, list[User]] = defaultdict(list)
    wanted = set(names)
    for user in User.objects.filter(groups__name__in=wanted).distinct().order_by("username").prefetch_related("groups"):
        for group in user.groups.all():
            if group.name in wanted:
                found[group.name].append(user)
    return found


def team_objects(teams: Iterable[Team], actor: Actor) -> list[Json]:
    """Return teams with their members."""
    found, administrator = list(teams), is_admin(actor)
    members = members_by_group(team.name for team in found)
    return [_team_object(team, members.get(team.name, []), administrator=administrator) for team in found]


@builds("teams")
def visible_teams(actor: Actor, keys: Sequence[Any]) -> list[Json]:
    """Return the teams with these keys that the caller may see."""
    found = Team.objects.visible_to(actor).filter(pk__in=keys).select_related("organization").order_by("name")
    return team_objects(found, actor)


def _team_object(team: Team, members: list[User], *, administrator: bool) -> Json:
    attributes = {
        "name": team.name,
        "visibility": "organization",
        "organization-access": organization_access(team),
        "permissions": {"can-destroy": administrator, "can-update-membership": administrator},
        "users-count": len(members),
        "sso-team-id": None,
        "allow-member-token-management": True,
        "is-unified": False,
    }
    memberships = (membership_id(team.organization, user) for user in members)
    relationships = {
        "organization": to_one("organizations", team.organization.name),
        "users": to_many("users", (f"{PREFIX}{user.pk}" for user in members)),
        "organization-memberships": to_many("organization-memberships", memberships),
    }
    return resource("teams", team.pk, attributes, relationships)


def included_with(teams: Iterable[Team], asked: frozenset[str]) -> list[Json]:
    """Return the members of teams and their memberships, as far as a request asks for them."""
    found = list(teams)
    included: list[Json] = []
    members = members_by_group(team.name for team in found) if asked & {"users", "organization-memberships"} else {}
    for team in found:
        users = members.get(team.name, [])
        if "users" in asked:
            included += [user_object(user) for user in users]
        if "organization-memberships" in asked:
            included += membership_objects(team.organization, users)
    return included


def membership_objects(organization: Organization, users: Iterable[User]) -> list[Json]:
    """Return the memberships of users in an organization, each with its teams."""
    found = list(users)
    teams: dict[int, list[Team]] = defaultdict(list)
    by_name = {team.name: team for team in organization.teams.all()}
    pairs = User.groups.through.objects.filter(user__in=found, group__name__in=by_name)
    for user_key, name in pairs.order_by("group__name").values_list("user_id", "group__name"):
        teams[user_key].append(by_name[name])
    return [_membership_object(organization, user, teams[user.pk]) for user in found]


def _membership_object(organization: Organization, user: User, teams: list[Team]) -> Json:
    relationships = {
        "organization": to_one("organizations", organization.name),
        "user": to_one("users", f"{PREFIX}{user.pk}"),
        "teams": to_many("teams", (team.pk for team in teams)),
    }
    attributes = {"status": "active", "email": user.email}
    return resource("organization-memberships", membership_id(organization, user), attributes, relationships)
