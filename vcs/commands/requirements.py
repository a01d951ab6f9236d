"""What must hold before a comment applies a plan: each requirement with the sentence that refuses. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from vcs.providers.base import PullRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a workspace asks of a pull request; the defaults are those of a workspace without rules of its own."""

    approved: bool = True
    mergeable: bool = True
    up_to_date: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan that is to be applied; ``waits``: for its approval."""

    commit: str
    waits: bool
    number: int


def why_not_apply(pull_request: PullRequest, planned: Planned | None, wanted: Wanted, *, apply_enabled: bool) -> str:
    """Return why a comment may not apply a plan, as a sentence; "" if it may. Whose comment it is, is asked apart.

    What the provider does not say counts as not given.
    """
    if not apply_enabled:
        return "Applying from pull requests is not enabled for this workspace."
    if pull_request.merged:
        return "The pull request is merged."
    if not pull_request.open:
        return "The pull request is closed."
    if pull_request.fork:
        return "The pull request comes from a fork; its plans are never applied before it is merged."
    if planned is None:
        return "There is no plan of this pull request to apply. Plan it first."
    if planned.commit != pull_request.commit:
        return (
            f"Job {planned.number} planned commit {planned.commit[:10]}, and the newest is "
            f"{pull_request.commit[:10]}. Plan again, and look at that plan."
        )
    if not planned.waits:
        return f"The plan of job {planned.number} does not wait to be applied. Plan again."
    if wanted.approved and not pull_request.approved:
        if pull_request.approved is None:
            return "The provider does not say whether the pull request is approved."
        return "The newest commit of the pull request is not approved by somebody else than its author."
    if wanted.mergeable and not pull_request.mergeable:
        if pull_request.mergeable is None:
            return "The provider does not say (yet) whether the pull request can be merged. Try again in a minute."
        return "The pull request cannot be merged: it has conflicts, or a check or review is missing."
    if wanted.up_to_date and not pull_request.up_to_date:
        if pull_request.up_to_date is None:
            return "The provider does not say whether the branch is up to date with its target."
        return "The branch is not up to date with its target. Update it, and look at the new plan."
    return ""
