"""Say who may do what: on one workspace, and one person everywhere; each right with the team or access it is from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db.models import Count, Q, QuerySet

from workspaces.actors import Actor, groups_of, is_admin
from workspaces.models import Access, Organization, Project, ProjectAccess, Team, Workspace
from workspaces.querysets import Scope
from workspaces.roles import NAMES, granted_rights

ON_WORKSPACE = (
    "plan_job",
    "approve_job",
    "manage_job",
    "manage_workspace",
    "manage_state",
    "manage_access",
    "create_workspace",
)
"""The rights that count on one workspace; ``create_workspace`` is to delete it."""
MOST_GRANTS = 500
"""Teams and accesses that one page is about; the first of each kind by name."""
MOST_GROUPS = 1000
"""Groups that a form offers."""

type Source = Team | Access | ProjectAccess


@dataclass(frozen=True, slots=True)
class Grant:
    """A team or access, the rights that it gives, and the number of active users in its group.

    ``members`` is None where nobody counted them. A group that has never signed in here has none.
    """

    source: Source
    rights: frozenset[str]
    members: int | None = None

    @property
    def group(self) -> str:
        return self.source.name

    @property
    def is_team(self) -> bool:
        return isinstance(self.source, Team)

    @property
    def place(self) -> Organization | Project | Workspace:
        """Return where its rights count: an organization, the workspaces of a project, or one workspace."""
        if isinstance(self.source, Team):
            return self.source.organization
        return self.source.project if isinstance(self.source, ProjectAccess) else self.source.workspace


@dataclass(frozen=True, slots=True)
class Person:
    """A user, the rights that count on the workspace, and the grants that give them.

    ``is_administrator`` users have every right without a grant.
    """

    user: User
    rights: frozenset[str]
    grants: tuple[Grant, ...]
    is_administrator: bool


def _grant(source: Source, members: int | None = None) -> Grant:
    return Grant(source, granted_rights(source, of_team=isinstance(source, Team)), members)


def grants_on(workspace: Workspace, scope: Scope) -> list[Grant]:
    """Return the teams and accesses that give rights on a workspace, as far as a reader's scope shows them.

    Takes four queries, however many there are.
    """
    teams = Team.objects.within(scope).filter(organization=workspace.organization_id).select_related("organization")
    accesses = Access.objects.within(scope).filter(workspace=workspace).select_related("workspace")
    sources: list[Source] = [*teams[:MOST_GRANTS], *accesses[:MOST_GRANTS]]
    if workspace.project_id is not None:
        of_project = ProjectAccess.objects.within(scope).filter(project=workspace.project_id)
        sources += of_project.select_related("project")[:MOST_GRANTS]
    members = _members_of({source.name for source in sources})
    return [_grant(source, members.get(source.name, 0)) for source in sources]


def _members_of(names: Collection[str]) -> dict[str, int]:
    """Return the number of active users of each group; a group without any may be left out."""
    counted = Group.objects.filter(name__in=names).annotate(
        active_members=Count("user", filter=Q(user__is_active=True))
    )
    return {str(name): int(number) for name, number in counted.values_list("name", "active_members")}


def users_with(grants: Iterable[Grant], right: str = "") -> QuerySet[User]:
    """Return the active users who have a right by some grants or as administrators; without a right, any right."""
    names = {grant.group for grant in grants if not right or right in grant.rights}
    memberships: Any = User.groups.through
    inside = memberships.objects.filter(group__name__in=[*names, settings.ADMIN_GROUP]).values("user_id")
    found = User.objects.filter(is_active=True).filter(Q(is_superuser=True) | Q(pk__in=inside))
    return found.order_by("username").prefetch_related("groups")


def as_people(users: Iterable[User], grants: Sequence[Grant]) -> list[Person]:
    """Return users with what some grants give them; their groups are loaded."""
    by_group: dict[str, list[Grant]] = {}
    for grant in grants:
        by_group.setdefault(grant.group, []).append(grant)
    people = []
    for user in users:
        groups = sorted(group.name for group in user.groups.all())
        own = tuple(grant for name in groups for grant in by_group.get(name, ()))
        administrator = user.is_superuser or settings.ADMIN_GROUP in groups
        rights = frozenset(NAMES) if administrator else frozenset().union(*(grant.rights for grant in own))
        people.append(Person(user, rights, own, administrator))
    return people


@dataclass(frozen=True, slots=True)
class Everywhere:
    """What one person may do in all organizations; ``cut`` says that there are more grants than listed."""

    teams: Sequence[Grant]
    projects: Sequence[Grant]
    workspaces: Sequence[Grant]
    cut: bool


def grants_of(groups: Collection[str], organizations: Collection[UUID] | None = None) -> Everywhere:
    """Return the grants of some groups, with three queries; those of disabled organizations are left out.

    ``organizations`` are the ones to look at; None means all.
    """
    teams = Team.objects.filter(name__in=groups, organization__disabled=False).select_related("organization")
    projects = ProjectAccess.objects.filter(name__in=groups, project__organization__disabled=False)
    accesses = Access.objects.filter(name__in=groups, workspace__deleted=False, workspace__organization__disabled=False)
    if organizations is not None:
        teams = teams.filter(organization__in=organizations)
        projects = projects.filter(project__organization__in=organizations)
        accesses = accesses.filter(workspace__organization__in=organizations)
    found: list[list[Source]] = [
        list(teams.order_by("organization__name", "name")[: MOST_GRANTS + 1]),
        list(projects.select_related("project__organization").order_by("project__name")[: MOST_GRANTS + 1]),
        list(accesses.select_related("workspace__organization").order_by("workspace__name")[: MOST_GRANTS + 1]),
    ]
    of_teams, of_projects, of_workspaces = ([_grant(source) for source in sources[:MOST_GRANTS]] for sources in found)
    return Everywhere(of_teams, of_projects, of_workspaces, any(len(sources) > MOST_GRANTS for sources in found))


def groups_to_offer(actor: Actor, scope: Scope, organization_id: UUID) -> list[str]:
    """Return the names of groups to which an actor may want to give access in an organization, at most MOST_GROUPS.

    Administrators get all groups. Others get those of the organization's teams and accesses that they see, and their
    own: the names of further groups are none of their business.
    """
    if is_admin(actor):
        return list(Group.objects.order_by("name").values_list("name", flat=True)[:MOST_GROUPS])
    rows = (
        Team.objects.within(scope).filter(organization=organization_id),
        Access.objects.within(scope).filter(workspace__organization=organization_id),
        ProjectAccess.objects.within(scope).filter(project__organization=organization_id),
    )
    names = {str(name) for found in rows for name in found.order_by().values_list("name", flat=True).distinct()}
    return sorted(names | groups_of(actor))[:MOST_GROUPS]
