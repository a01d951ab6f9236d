"""Which team decides an approval."""

from __future__ import annotations

from workspaces.flows import CLI_TEAM
from workspaces.models import Organization


def deciding_team(team: str | None, organization: Organization) -> str:
    """Return the team that decides an approval; empty if every user with the right approveJob may.

    The templates of the command line name a team that most organizations do not have; then their approvers decide.
    """
    if team == CLI_TEAM and not organization.teams.filter(name=team).exists():
        return ""
    return team or ""
