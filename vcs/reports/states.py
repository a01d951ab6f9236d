"""The words of a commit's status: of one workspace's job, and of all workspaces together. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from vcs.providers.base import State
from vcs.reports.facts import Facts
from workspaces.choices import JobStatus
from workspaces.jobs.plans import Plan

S = JobStatus
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """A state with one sentence; cut for its provider when it is sent."""

    state: State
    description: str


def plan_words(plan: Plan) -> str:
    """Return terraform's sentence of a plan's changes, from its counts."""
    counts = f"{plan.to_add} to add, {plan.to_change} to change, {plan.to_destroy} to destroy"
    if plan.to_forget:
        counts += f", {plan.to_forget} to forget"
    if plan.to_add or plan.to_change or plan.to_destroy or plan.to_forget:
        return f"Plan: {counts}"
    moved = sum(change.action in {"move", "import"} for change in plan.changes)
    if moved:
        return f"Plan: {counts} ({moved} moved or imported)"
    return "Plan: only outputs change" if plan.outputs else "No changes"


def applied_words(plan: Plan) -> str:
    """Return terraform's sentence of an apply that has succeeded."""
    counts = f"{plan.to_add} added, {plan.to_change} changed, {plan.to_destroy} destroyed"
    return f"Applied: {counts}"


def result_words(facts: Facts) -> str:
    """Return what a job has found or done so far; "" if that is nothing yet."""
    if facts.applied and facts.plan is not None:
        return applied_words(facts.plan)
    if facts.plan is not None:
        return plan_words(facts.plan)
    return "" if facts.plan_changes else "No changes"


def status_of(facts: Facts) -> CommitStatus:
    """Return the status of a commit that one workspace's job gives it.

    A plan of a pull request that waits to be applied is a success: a check that waits would keep the pull request from
    being mergeable, which applying may require.
    """
    result = result_words(facts)
    if facts.status in {S.COMPLETED, S.NO_CHANGES}:
        return CommitStatus(State.SUCCESS, result or "Completed")
    if facts.status == S.WAITING_APPROVAL:
        waits = f"{result}; waiting for approval" if result else "Waiting for approval"
        return CommitStatus(State.SUCCESS if facts.pull_request is not None else State.PENDING, waits)
    if facts.status in {S.FAILED, S.UNKNOWN}:
        return CommitStatus(State.FAILURE, facts.why or "Failed")
    if facts.status == S.REJECTED:
        return CommitStatus(State.FAILURE, facts.why or "Rejected")
    if facts.status == S.CANCELLED:
        return CommitStatus(State.CANCELLED, facts.why or "Cancelled")
    # Between two steps a job is pending again: to a reader it runs, and the provider need not be told.
    if facts.started:
        return CommitStatus(State.RUNNING, "Running")
    return CommitStatus(State.PENDING, facts.why or "Waits to start")


_WORST = (State.ERROR, State.FAILURE, State.CANCELLED, State.RUNNING, State.PENDING, State.SUCCESS)
_COUNTED = {
    State.ERROR: "with errors",
    State.FAILURE: "failed",
    State.CANCELLED: "cancelled",
    State.RUNNING: "running",
    State.PENDING: "waiting",
    State.SUCCESS: "succeeded",
}


def counted(states: Collection[State]) -> str:
    """Return how many workspaces there are, and how many in each state, the worst first."""
    count = Counter(states)
    parts = [f"{count[state]} {_COUNTED[state]}" for state in _WORST if count[state]]
    total = "1 workspace" if len(states) == 1 else f"{len(states)} workspaces"
    return f"{total}: {', '.join(parts)}"


def combined(statuses: Mapping[str, State]) -> CommitStatus:
    """Return one status for a commit from those of its workspaces, by name.

    While one of them has not ended, the whole has not, whatever has failed already: what still runs may fail as well.
    """
    if not statuses:
        return CommitStatus(State.SUCCESS, NOTHING_MATCHES)
    count = Counter(statuses.values())
    words = counted(statuses.values())
    bad = sorted(name for name, state in statuses.items() if state in {State.ERROR, State.FAILURE, State.CANCELLED})
    if bad:
        more = f" and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else ""
        words += f" ({', '.join(bad[:_MOST_NAMED])}{more})"
    if count[State.RUNNING]:
        return CommitStatus(State.RUNNING, words)
    if count[State.PENDING]:
        return CommitStatus(State.PENDING, words)
    return CommitStatus(next(state for state in _WORST if count[state]), words)


NOTHING_MATCHES = "No matching changes"
"""Said of a commit that changes no workspace: a check that is required would else wait for ever."""
