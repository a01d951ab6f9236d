"""What an actor's teams allow in an organization; the one rule for the API, the admin and the pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from uuid import UUID

from django.utils.translation import gettext_noop as _

from workspaces.access import Actor, groups_of, is_admin
from workspaces.choices import TeamRole
from workspaces.errors import NotAllowed
from workspaces.models import Access, Job, Organization, Team, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What one actor may do in one organization."""

    read: bool = False
    manage_state: bool = False
    manage_collection: bool = False
    manage_job: bool = False
    manage_workspace: bool = False
    manage_module: bool = False
    manage_provider: bool = False
    manage_vcs: bool = False
    manage_template: bool = False
    plan_job: bool = False
    approve_job: bool = False
    manage_organization: bool = False


RIGHTS_SAID = (
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
    _("manage_organization"),
)
"""The rights as a refusal names them to programs; on a page it says what the form of a team calls them."""

ALL = Rights(**{field.name: True for field in fields(Rights)})
NONE = Rights()
_BY_ROLE = {
    TeamRole.ADMIN: (True, True),
    TeamRole.WRITE: (True, True),
    TeamRole.PLAN: (True, False),
    TeamRole.READ: (False, False),
}


def given_by(given: Team | Access) -> dict[str, bool]:
    """The rights that one team or access gives, by name."""
    plan, approve = _BY_ROLE.get(TeamRole(given.role), (None, None)) if given.role else (None, None)
    if plan is None or approve is None:
        plan, approve = given.plan_job or given.manage_job, given.approve_job or given.manage_job
    found = {field.name: getattr(given, field.name, False) for field in fields(Rights)}
    return found | {"read": True, "plan_job": plan, "approve_job": approve, "manage_organization": False}


def rights(actor: Actor, organization: Organization, workspace: Workspace | None = None) -> Rights:
    """The rights of all of the actor's teams in an organization together; an administrator has all.

    With a workspace also those that its accesses give; they count on this workspace alone.
    """
    if is_admin(actor):
        return ALL
    if organization.disabled:
        return NONE
    groups = groups_of(actor)
    given: list[Team | Access] = list(organization.teams.filter(name__in=groups))
    if workspace is not None and workspace.pk is not None:
        given += workspace.accesses.filter(name__in=groups)
    found = [given_by(row) for row in given]
    return Rights(**{field.name: any(row[field.name] for row in found) for field in fields(Rights)})


def require(
    actor: Actor, organization: Organization, right: str, *, to: str, workspace: Workspace | None = None
) -> None:
    """Raise NotAllowed unless the actor has a right; ``to`` says what for ("start a job")."""
    # The accesses of a workspace are few and are asked for only where no team will do.
    if getattr(rights(actor, organization), right):
        return
    if workspace is None or not getattr(rights(actor, organization, workspace), right):
        raise NotAllowed(refusal(organization, right, to=to))


def refusal(organization: Organization, right: str, *, to: str) -> str:
    """What somebody is told who lacks a right; ``to`` says what for ("start a job")."""
    sentence = _("You may not {to} in {organization}: none of your teams there has the right {right}.")
    return sentence.format(to=to, organization=organization.name, right=right)


def allowed_among(actor: Actor, workspaces: Iterable[Workspace], right: str) -> set[UUID]:
    """The workspaces on which the actor has a right; their organizations are at hand. Two queries for all of them."""
    found = list(workspaces)
    if is_admin(actor):
        return {row.pk for row in found}
    groups = groups_of(actor)
    alive = {row.organization_id for row in found if not row.organization.disabled}
    teams = Team.objects.filter(organization__in=alive, name__in=groups)
    whole = {team.organization_id for team in teams if given_by(team)[right]}
    open_yet = [row.pk for row in found if row.organization_id in alive - whole]
    accesses = Access.objects.filter(workspace__in=open_yet, name__in=groups)
    single = {access.workspace_id for access in accesses if given_by(access)[right]}
    return {row.pk for row in found if row.organization_id in whole or row.pk in single}


def may_approve(actor: Actor, job: Job) -> bool:
    """Whether the actor may approve or reject a job that waits.

    The job's approval team decides where it names one; else the right approveJob.
    """
    if is_admin(actor):
        return True
    found = rights(actor, job.organization, job.workspace)
    if job.approval_team:
        return job.approval_team in groups_of(actor) and found.read
    return found.approve_job
