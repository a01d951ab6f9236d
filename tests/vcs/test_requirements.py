"""When a comment may apply a plan, whoever wrote it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vcs.commands.requirements import Planned, Wanted, why_not_apply
from vcs.providers.base import PullRequest

HEAD, OLDER = "a" * 40, "b" * 40
GOOD = PullRequest(
    number=7,
    title="More nets",
    author="ann",
    branch="nets",
    target_branch="main",
    commit=HEAD,
    fork=False,
    open=True,
    merged=False,
    approved=True,
    mergeable=True,
    up_to_date=True,
)
PLANNED = Planned(commit=HEAD, waits=True, number=12)
NEVER = Wanted(approved=False, mergeable=False, up_to_date=False)
CASES: dict[str, tuple[dict[str, Any], Planned | None, Wanted, bool, str]] = {
    "good": ({}, PLANNED, Wanted(), True, ""),
    "not-enabled": ({}, PLANNED, Wanted(), False, "is not enabled"),
    "merged": ({"open": False, "merged": True}, PLANNED, NEVER, True, "is merged"),
    "closed": ({"open": False}, PLANNED, NEVER, True, "is closed"),
    "fork": ({"fork": True}, PLANNED, NEVER, True, "comes from a fork"),
    "no-plan": ({}, None, NEVER, True, "There is no plan"),
    "stale-head": ({"commit": OLDER}, PLANNED, NEVER, True, "Job 12 planned commit aaaaaaaaaa, and the newest is bbb"),
    "plan-without-commit": ({}, replace(PLANNED, commit=""), NEVER, True, "and the newest is"),
    "ended": ({}, replace(PLANNED, waits=False), NEVER, True, "does not wait to be applied"),
    "not-approved": ({"approved": False}, PLANNED, Wanted(), True, "is not approved"),
    "approval-unknown": ({"approved": None}, PLANNED, Wanted(), True, "does not say whether the pull request is appr"),
    "approval-not-wanted": ({"approved": False}, PLANNED, Wanted(approved=False), True, ""),
    "not-mergeable": ({"mergeable": False}, PLANNED, Wanted(), True, "cannot be merged"),
    "mergeable-unknown": ({"mergeable": None}, PLANNED, Wanted(), True, "does not say (yet)"),
    "mergeable-not-wanted": ({"mergeable": None}, PLANNED, Wanted(mergeable=False), True, ""),
    "behind": ({"up_to_date": False}, PLANNED, Wanted(up_to_date=True), True, "not up to date"),
    "behind-unknown": ({"up_to_date": None}, PLANNED, Wanted(up_to_date=True), True, "does not say whether the branch"),
    "behind-not-wanted": ({"up_to_date": False}, PLANNED, Wanted(), True, ""),
}


@pytest.mark.parametrize("case", CASES)
def test_a_plan_is_applied_only_if_all_that_is_wanted_holds(case: str) -> None:
    changes, planned, wanted, enabled, sentence = CASES[case]
    said = why_not_apply(replace(GOOD, **changes), planned, wanted, apply_enabled=enabled)
    assert (sentence in said) if sentence else said == ""


def test_a_workspace_without_rules_has_the_strict_ones() -> None:
    assert Wanted() == Wanted(approved=True, mergeable=True, up_to_date=False)
