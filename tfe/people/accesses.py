"""What accesses of teams to workspaces and to projects have in common: how one is given, and the team that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from tfe.body import Body, Related
from tfe.errors import Invalid, NotFound
from tfe.lookup import key_of
from workspaces.actors import Actor
from workspaces.models import Access, ProjectAccess, Team
from workspaces.services.accesses import create_access
from workspaces.services.records import require_right


def give_access[A: (Access, ProjectAccess)](
    access: A, organization_id: UUID, body: Body, changes: Callable[[A, Body], Mapping[str, Any]], *, by: Actor
) -> A:
    """Save a new access as a request asks; ``changes`` reads its level and parts.

    Raises Invalid and NotFound for what the request names, and whatever ``create_access`` raises.
    """
    require_right(access, by=by, verb="create")
    access.name = _team_in(organization_id, named_key(body.related("team"), "team")).name
    if not body.text("access"):
        raise Invalid("An access has a level.", "/data/attributes/access")
    for name, value in changes(access, body).items():
        setattr(access, name, value)
    return create_access(access, by=by)


def named_key(named: Related | None, name: str) -> str:
    """Return the id of what an access names. Raises Invalid if it names none."""
    if named is None or not named.key:
        raise Invalid(f"An access names its {name}.", f"/data/relationships/{name}")
    return named.key


def _team_in(organization_id: UUID, key: str) -> Team:
    """Return a team of an organization; who manages accesses may name one without seeing all. Raises NotFound."""
    found: Team | None = Team.objects.filter(organization=organization_id, pk=key_of(key)).first()
    if found is None:
        raise NotFound
    return found


def team_keys(groups: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], UUID]:
    """Return the key of the team that each group is in an organization, with one query; not all groups are teams."""
    wanted = set(groups)
    organizations, names = {key for key, _name in wanted}, {name for _key, name in wanted}
    teams = Team.objects.filter(organization__in=organizations, name__in=names)
    return {(team.organization_id, team.name): team.pk for team in teams}
