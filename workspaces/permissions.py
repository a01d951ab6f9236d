"""What an actor's teams allow in an organization; the one rule for the API, the admin and the pages."""

from __future__ import annotations

from dataclasses import dataclass, fields

from workspaces.access import Actor, groups_of, is_admin
from workspaces.choices import TeamRole
from workspaces.errors import NotAllowed
from workspaces.models import Job, Organization, Team


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


ALL = Rights(**{field.name: True for field in fields(Rights)})
NONE = Rights()
_BY_ROLE = {
    TeamRole.ADMIN: (True, True),
    TeamRole.WRITE: (True, True),
    TeamRole.PLAN: (True, False),
    TeamRole.READ: (False, False),
}


def _of_team(team: Team) -> dict[str, bool]:
    plan, approve = _BY_ROLE.get(TeamRole(team.role), (None, None)) if team.role else (None, None)
    if plan is None or approve is None:
        plan, approve = team.plan_job or team.manage_job, team.approve_job or team.manage_job
    given = {field.name: getattr(team, field.name, False) for field in fields(Rights)}
    return given | {"read": True, "plan_job": plan, "approve_job": approve, "manage_organization": False}


def rights(actor: Actor, organization: Organization) -> Rights:
    """The rights of all of the actor's teams in an organization together; an administrator has all."""
    if is_admin(actor):
        return ALL
    if organization.disabled:
        return NONE
    found = [_of_team(team) for team in organization.teams.filter(name__in=groups_of(actor))]
    return Rights(**{field.name: any(row[field.name] for row in found) for field in fields(Rights)})


def require(actor: Actor, organization: Organization, right: str, *, to: str) -> None:
    """Raise NotAllowed unless the actor has a right; ``to`` says what for ("start a job")."""
    if not getattr(rights(actor, organization), right):
        raise NotAllowed(f"You may not {to} in {organization.name}: none of your teams there has the right {right}.")


def may_approve(actor: Actor, job: Job) -> bool:
    """Whether the actor may approve or reject a job that waits.

    The job's approval team decides where it names one; else the right approveJob.
    """
    if is_admin(actor):
        return True
    if job.approval_team:
        return job.approval_team in groups_of(actor) and rights(actor, job.organization).read
    return rights(actor, job.organization).approve_job
