"""What a workspace asks of pull requests; the strict defaults where it says nothing."""

from __future__ import annotations

from vcs.models import PullRequestRules
from workspaces.models import Workspace


def rules_of(workspace: Workspace) -> PullRequestRules:
    """Return the rules of a workspace; one that has none gets the defaults, which are not stored."""
    found = PullRequestRules.objects.filter(workspace=workspace).first()
    return found or PullRequestRules(workspace=workspace)
