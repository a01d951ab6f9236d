"""What an actor's teams allow in an organization; one rule for the API, the admin and the pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from terrakube_site.database.built_once import BuiltOnce
from terrakube_site.messages import message
from workspaces.actors import Actor, TokenUser, groups_of, is_admin, name_of, user_key
from workspaces.errors import NotAllowed
from workspaces.models import Access, Job, Organization, Project, ProjectAccess, Team, Workspace
from workspaces.roles import ALL, FLAGS, NAMES, NONE, OF_ACCESSES, Rights, granted_rights

RIGHT_NAMES = (
    _("manage_state"),
    _("manage_collection"),
    _("manage_job"),
    _("manage_workspace"),
    _("manage_module"),
    _("manage_provider"),
    _("manage_vcs"),
    _("manage_template"),
    _("plan_job"),
    _("approve_job"),
    _("create_workspace"),
    _("manage_access"),
    _("manage_organization"),
)
"""The rights as a refusal names them to programs; on a page it says what the form of a team calls them."""


def kinds_of(given: QuerySet[Any], *place: str) -> QuerySet[Any]:
    """Return what teams or accesses give, by the fields of ``place``: each kind once, as one person may have hundreds.

    A row has the fields that ``granted_rights`` reads.
    """
    names = {field.name for field in given.model._meta.concrete_fields}
    return given.order_by().values_list(*place, "role", *sorted(FLAGS & names), named=True).distinct()


_TEAMS = BuiltOnce(lambda key, groups: kinds_of(Team.objects.filter(organization=key, name__in=groups)))
_ACCESSES = BuiltOnce(lambda key, groups: kinds_of(Access.objects.filter(workspace=key, name__in=groups)))
_PROJECT_ACCESSES = BuiltOnce(
    lambda key, organization, groups: kinds_of(
        ProjectAccess.objects.filter(project=key, project__organization=organization, name__in=groups)
    )
)


def rights_given_by(given: Team | Access | ProjectAccess) -> dict[str, bool]:
    """Return the rights that one team or access gives."""
    found = granted_rights(given, of_team=isinstance(given, Team))
    return {name: name in found for name in NAMES}


_ALL_TEAMS = BuiltOnce(
    lambda groups: kinds_of(Team.objects.filter(name__in=groups, organization__disabled=False), "organization_id")
)
_ANY_ACCESSES = BuiltOnce(
    lambda groups: kinds_of(Access.objects.filter(name__in=groups, workspace__organization__disabled=False))
)
_ALL_PROJECT_ACCESSES = BuiltOnce(
    lambda groups: kinds_of(
        ProjectAccess.objects.filter(name__in=groups, project__organization__disabled=False),
        "project_id",
        "project__organization_id",
    )
)

type OfTeams = Mapping[UUID, Collection[str]]
"""The rights that an actor's teams give, by the key of the organization."""
type OfProjects = Mapping[tuple[UUID, UUID], Collection[str]]
"""The rights that an actor's accesses to projects give, by the keys of the project and of its organization."""


def rights_of_teams(actor: Actor) -> OfTeams:
    """Return what the actor's teams give in each organization that is not disabled; one query."""
    found: dict[UUID, set[str]] = defaultdict(set)
    for team in _ALL_TEAMS.rows(tuple(sorted(groups_of(actor)))):
        found[team.organization_id] |= granted_rights(team, of_team=True)
    return dict(found)


def rights_of_projects(actor: Actor) -> OfProjects:
    """Return what the actor's accesses to projects give, in organizations that are not disabled; one query."""
    found: dict[tuple[UUID, UUID], set[str]] = defaultdict(set)
    for access in _ALL_PROJECT_ACCESSES.rows(tuple(sorted(groups_of(actor)))):
        place = (access.project_id, access.project__organization_id)
        found[place] |= granted_rights(access, of_team=False)
    return dict(found)


def rights_of_accesses(actor: Actor) -> set[str]:
    """Return what the actor's accesses give on any workspaces, in organizations that are not disabled; one query."""
    rows = _ANY_ACCESSES.rows(tuple(sorted(groups_of(actor))))
    return {name for access in rows for name in granted_rights(access, of_team=False)}


def rights(
    actor: Actor,
    organization: Organization,
    workspace: Workspace | None = None,
    *,
    project: Project | None = None,
    of_teams: OfTeams | None = None,
    of_projects: Callable[[], OfProjects] | None = None,
) -> Rights:
    """Return the rights of all of the actor's teams in an organization together; an administrator has all.

    With a workspace, include the rights that its accesses and those of its project give on this workspace; with a
    project, the rights that its accesses give on all of its workspaces. ``of_teams`` is what was
    looked up of the actor already, and ``of_projects`` returns it; without them the database is asked.
    """
    if is_admin(actor):
        return ALL
    if organization.disabled:
        return NONE
    groups = tuple(sorted(groups_of(actor)))
    if of_teams is not None:
        found = set(of_teams.get(organization.pk, ()))
    else:
        teams = _TEAMS.rows(organization.pk, groups)
        found = {name for team in teams for name in granted_rights(team, of_team=True)}
    if workspace is not None and not found >= OF_ACCESSES:
        accesses = _ACCESSES.rows(workspace.pk, groups)
        found |= {name for access in accesses for name in granted_rights(access, of_team=False)}
    project_id = project.pk if project is not None else workspace.project_id if workspace is not None else None
    if project_id is not None and not found >= OF_ACCESSES:
        if of_projects is not None:
            found |= set(of_projects().get((project_id, organization.pk), ()))
        else:
            of_project = _PROJECT_ACCESSES.rows(project_id, organization.pk, groups)
            found |= {name for access in of_project for name in granted_rights(access, of_team=False)}
    return Rights(**{name: name in found for name in NAMES})


def require_permission(
    actor: Actor,
    organization: Organization,
    right: str,
    *,
    action: str,
    workspace: Workspace | None = None,
    project: Project | None = None,
) -> None:
    """Raise NotAllowed unless the actor has a right; ``action`` names what it is for ("start a job")."""
    # Accesses are rare and are looked up only when no team gives the right.
    if getattr(rights(actor, organization), right):
        return
    in_whole = workspace is None and project is None
    if in_whole or not getattr(rights(actor, organization, workspace, project=project), right):
        raise NotAllowed(refusal(organization, right, action=action))


def refusal(organization: Organization, right: str, *, action: str) -> str:
    """Return the error message for an actor who lacks a right; ``action`` names what it is for ("start a job")."""
    sentence = _("You may not {action} in {organization}: none of your teams there has the right {right}.")
    return message(sentence, action=action, organization=organization.name, right=right)


def workspaces_with_right(actor: Actor, workspaces: Iterable[Workspace], right: str) -> set[UUID]:
    """Return the workspaces on which the actor has a right, with three queries; their organizations are loaded."""
    found = list(workspaces)
    if is_admin(actor):
        return {row.pk for row in found}
    groups = groups_of(actor)
    alive = {row.organization_id for row in found if not row.organization.disabled}
    teams = kinds_of(Team.objects.filter(organization__in=alive, name__in=groups), "organization_id")
    whole = {team.organization_id for team in teams if right in granted_rights(team, of_team=True)}
    open_yet = [row for row in found if row.organization_id in alive - whole]
    accesses = Access.objects.filter(workspace__in=[row.pk for row in open_yet], name__in=groups)
    single = {access.workspace_id for access in accesses if rights_given_by(access)[right]}
    of_projects = ProjectAccess.objects.filter(
        project__in={row.project_id for row in open_yet} - {None}, name__in=groups
    )
    projects = {access.project_id for access in of_projects if rights_given_by(access)[right]}
    allowed = {row.pk for row in open_yet if row.pk in single or row.project_id in projects}
    return allowed | {row.pk for row in found if row.organization_id in whole}


def projects_with_right(actor: Actor, right: str) -> set[UUID]:
    """Return the projects on which accesses to them give the actor a right; teams are not asked."""
    accesses = ProjectAccess.objects.filter(name__in=groups_of(actor), project__organization__disabled=False)
    kinds = kinds_of(accesses, "project_id")
    return {access.project_id for access in kinds if right in granted_rights(access, of_team=False)}


def rights_on_each(actor: Actor, workspaces: Iterable[Workspace]) -> dict[UUID, Rights]:
    """Return the actor's rights on each of some workspaces, with three queries; their organizations are loaded."""
    found = list(workspaces)
    if is_admin(actor):
        return {row.pk: ALL for row in found}
    groups = groups_of(actor)
    alive = {row.organization_id for row in found if not row.organization.disabled}
    given = defaultdict[UUID, set[str]](set)
    for team in kinds_of(Team.objects.filter(organization__in=alive, name__in=groups), "organization_id"):
        given[team.organization_id] |= granted_rights(team, of_team=True)
    open_yet = [row for row in found if row.organization_id in alive and not given[row.organization_id] >= OF_ACCESSES]
    for access in Access.objects.filter(workspace__in=[row.pk for row in open_yet], name__in=groups):
        given[access.workspace_id] |= granted_rights(access, of_team=False)
    projects = {row.project_id for row in open_yet} - {None}
    for of_project in ProjectAccess.objects.filter(project__in=projects, name__in=groups):
        given[of_project.project_id] |= granted_rights(of_project, of_team=False)
    # The keys of records of different types differ, too: they are random.
    places = {row.pk: [row.organization_id, row.pk, *([row.project_id] if row.project_id else [])] for row in found}
    return {
        key: Rights(**dict.fromkeys(set().union(*(given.get(place, set()) for place in its)), True))
        for key, its in places.items()
    }


class SharedRights:
    """What teams and accesses give some groups on some workspaces, read once for many actors with three queries.

    The organizations of the workspaces are loaded.
    """

    def __init__(self, workspaces: Iterable[Workspace], groups: Collection[str]) -> None:
        found = list(workspaces)
        self._given = defaultdict[tuple[UUID, str], frozenset[str]](frozenset)
        if not found or not groups:
            return
        for team in Team.objects.filter(organization__in={row.organization_id for row in found}, name__in=groups):
            self._add(team.organization_id, team.name, granted_rights(team, of_team=True))
        for access in Access.objects.filter(workspace__in=[row.pk for row in found], name__in=groups):
            self._add(access.workspace_id, access.name, granted_rights(access, of_team=False))
        projects = {row.project_id for row in found} - {None}
        # Most workspaces are in no project.
        for of_project in ProjectAccess.objects.filter(project__in=projects, name__in=groups) if projects else ():
            self._add(of_project.project_id, of_project.name, granted_rights(of_project, of_team=False))

    def _add(self, place: UUID, group: str, given: frozenset[str]) -> None:
        self._given[place, group] |= given

    def rights(self, actor: Actor, workspace: Workspace) -> Rights:
        """Return an actor's rights on one of the workspaces, as ``rights`` does."""
        if is_admin(actor):
            return ALL
        if workspace.organization.disabled:
            return NONE
        # The keys of records of different types differ, too: they are random.
        places = (workspace.organization_id, workspace.pk, workspace.project_id)
        names = {
            name
            for group in groups_of(actor)
            for place in places
            if place is not None and (place, group) in self._given
            for name in self._given[place, group]
        }
        return Rights(**dict.fromkeys(names, True))


def may_decide(actor: Actor, job: Job, *, own: Rights | None = None) -> bool:
    """Return whether the actor may reject a waiting job, and approve it if another user started it.

    The job's approval team decides if one is named; otherwise the right approveJob. ``own`` are the actor's rights on
    its workspace, where they are looked up already.
    """
    if is_admin(actor):
        return True
    found = own or rights(actor, job.organization, job.workspace)
    if job.approval_team:
        return job.approval_team in groups_of(actor) and found.read
    return found.approve_job


def may_approve(actor: Actor, job: Job, *, own: Rights | None = None) -> bool:
    """Return whether the actor may approve a waiting job.

    Where the organization forbids self-approval, that includes administrators.
    """
    return may_decide(actor, job, own=own) and not (job.organization.no_self_approval and may_have_started(actor, job))


def may_have_started(actor: Actor, job: Job) -> bool:
    """Return whether the actor started a job, or may have.

    A team token does not identify its holder, so it counts as the starter of every job and approves none.
    """
    if actor is None or job.acts_for_site:
        return False
    if _is_team_token(actor) or (job.acts_for_team and job.acts_for_team in groups_of(actor)):
        return True
    key = user_key(actor)
    if key is not None and key == job.acts_for_user_id:
        return True
    return name_of(actor) in {job.created_by, job.acts_for_name}


def _is_team_token(actor: Actor) -> bool:
    return isinstance(actor, TokenUser) and bool(actor.team)


def self_approval_refusal(actor: Actor, job: Job) -> str:
    """Return the error message for an actor who wants to approve a job they started."""
    if _is_team_token(actor):
        sentence = _(
            "You may not approve job {number}: {organization} forbids self-approval, and a team token does not "
            "identify you."
        )
    elif job.acts_for_team:
        sentence = _(
            "You may not approve job {number}: a token of your team started it, and {organization} forbids "
            "self-approval."
        )
    else:
        sentence = _("You may not approve job {number}: you started it, and {organization} forbids self-approval.")
    return message(sentence, number=job.pk, organization=job.organization.name)
