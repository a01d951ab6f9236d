"""What a status and a comment say, whatever a plan, a name or an error holds."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from vcs.providers.base import State
from vcs.reports.comments import Note, comment_of, details, marker, workspace_key
from vcs.reports.dialects import BITBUCKET, BY_TYPE, GITHUB, Dialect
from vcs.reports.facts import Facts
from vcs.reports.markdown import code, fenced, shortened, tail
from vcs.reports.states import NOTHING_MATCHES, combined, plan_words, status_of
from workspaces.choices import JobStatus
from workspaces.jobs.plans import Plan, read_plan

SECRET = "hunter2-is-secret"
ID = "8f2f5d4e-0000-4000-8000-000000000001"


def change(address: str, *actions: str, before: Any = None, after: Any = None, **more: Any) -> dict[str, Any]:
    return {"address": address, "change": {"actions": list(actions), "before": before, "after": after, **more}}


def plan_of(*changes: dict[str, Any], outputs: dict[str, Any] | None = None) -> Plan:
    found = read_plan(json.dumps({"resource_changes": list(changes), "output_changes": outputs or {}}).encode())
    assert found is not None
    return found


MIXED = plan_of(
    change("net.new", "create", after={"size": 1}),
    change("net.also_new", "create", after={}),
    change("net.changed", "update", before={"size": 1}, after={"size": 2}),
    change("net.gone", "delete", before={"size": 3}),
    change("net.again", "delete", "create", before={"zone": "a"}, after={"zone": "b"}, replace_paths=[["zone"]]),
)
FACTS = Facts(
    number=12,
    organization="acme",
    workspace="net",
    workspace_id=ID,
    status=JobStatus.COMPLETED,
    plan=MIXED,
    commit="a" * 40,
    pull_request=7,
    url="https://site.example/runs/12/",
    plan_url="https://site.example/runs/12/plan.txt",
)


STATUSES: dict[str, tuple[JobStatus, dict[str, Any], State, str]] = {
    "waits": (JobStatus.PENDING, {"plan": None}, State.PENDING, "Waits to start"),
    "waits-for": (JobStatus.PENDING, {"plan": None, "why": "Waits for job 3"}, State.PENDING, "Waits for job 3"),
    "starting": (JobStatus.QUEUE, {"plan": None, "started": True, "why": "Plan: starting"}, State.RUNNING, "Running"),
    "running": (JobStatus.RUNNING, {"plan": None, "started": True}, State.RUNNING, "Running"),
    "between-steps": (JobStatus.PENDING, {"started": True}, State.RUNNING, "Running"),
    "planned": (JobStatus.COMPLETED, {}, State.SUCCESS, "Plan: 3 to add, 1 to change, 2 to destroy"),
    "no-changes": (JobStatus.COMPLETED, {"plan": None, "plan_changes": False}, State.SUCCESS, "No changes"),
    "applied": (JobStatus.COMPLETED, {"applied": True}, State.SUCCESS, "Applied: 3 added, 1 changed, 2 destroyed"),
    "to-apply": (
        JobStatus.WAITING_APPROVAL,
        {},
        State.SUCCESS,
        "Plan: 3 to add, 1 to change, 2 to destroy; waiting for approval",
    ),
    "push-to-apply": (
        JobStatus.WAITING_APPROVAL,
        {"pull_request": None},
        State.PENDING,
        "Plan: 3 to add, 1 to change, 2 to destroy; waiting for approval",
    ),
    "failed": (JobStatus.FAILED, {"why": "Plan: Error: no"}, State.FAILURE, "Plan: Error: no"),
    "failed-silently": (JobStatus.FAILED, {"plan": None}, State.FAILURE, "Failed"),
    "rejected": (JobStatus.REJECTED, {"why": "Rejected by Ann"}, State.FAILURE, "Rejected by Ann"),
    "cancelled": (JobStatus.CANCELLED, {}, State.CANCELLED, "Cancelled"),
}


@pytest.mark.parametrize("case", STATUSES)
def test_a_status_says_in_one_sentence_where_a_job_is(case: str) -> None:
    status, changes, state, words = STATUSES[case]
    said = status_of(replace(FACTS, status=status, **changes))
    assert (said.state, said.description) == (state, words)


PLANS = {
    "nothing": (plan_of(), "No changes"),
    "outputs": (
        plan_of(outputs={"a": {"actions": ["create"], "before": None, "after": 1}}),
        "Plan: only outputs change",
    ),
    "moved": (
        plan_of({**change("net.b", "no-op"), "previous_address": "net.a"}),
        "Plan: 0 to add, 0 to change, 0 to destroy (1 moved or imported)",
    ),
    "forgotten": (plan_of(change("net.a", "forget")), "Plan: 0 to add, 0 to change, 0 to destroy, 1 to forget"),
    "made again": (
        plan_of(change("net.a", "forget", "create")),
        "Plan: 1 to add, 0 to change, 0 to destroy, 1 to forget",
    ),
}


@pytest.mark.parametrize("case", PLANS)
def test_a_plan_is_counted_as_terraform_counts(case: str) -> None:
    plan, words = PLANS[case]
    assert plan_words(plan) == words


COMBINED = {
    "none": ({}, State.SUCCESS, NOTHING_MATCHES),
    "one": ({"net": State.SUCCESS}, State.SUCCESS, "1 workspace: 1 succeeded"),
    "one-runs": ({"net": State.RUNNING, "db": State.FAILURE}, State.RUNNING, "2 workspaces: 1 failed, 1 running (db)"),
    "one-waits": ({"net": State.PENDING, "db": State.SUCCESS}, State.PENDING, "2 workspaces: 1 waiting, 1 succeeded"),
    "one-failed": (
        {"net": State.FAILURE, "db": State.SUCCESS},
        State.FAILURE,
        "2 workspaces: 1 failed, 1 succeeded (net)",
    ),
    "many-failed": (
        dict.fromkeys("abcde", State.FAILURE),
        State.FAILURE,
        "5 workspaces: 5 failed (a, b, c and 2 more)",
    ),
    "cancelled": ({"net": State.CANCELLED}, State.CANCELLED, "1 workspace: 1 cancelled (net)"),
}


@pytest.mark.parametrize("case", COMBINED)
def test_one_status_stands_for_all_workspaces_of_a_commit(case: str) -> None:
    states, state, words = COMBINED[case]
    said = combined(states)
    assert (said.state, said.description) == (state, words)


def test_a_comment_begins_with_its_marker_and_names_counts_and_links() -> None:
    text = comment_of(FACTS, dialect=GITHUB)
    lines = text.splitlines()
    assert lines[0] == marker(workspace_key(ID), dialect=GITHUB) == f"<!-- terrakube-site:workspace:{ID} -->"
    assert lines[1] == "### \N{WHITE HEAVY CHECK MARK} Plan of `acme/net`: 3 to add, 1 to change, 2 to destroy"
    assert "[Job 12](https://site.example/runs/12/) · completed · commit `aaaaaaaaaa`" in text
    assert "**Destroys resources: 1 to delete, 1 to replace.**" in text
    assert "To plan again: `terrakube plan net`." in text


def test_what_is_destroyed_stands_first_in_the_table_and_last_in_the_details() -> None:
    text = comment_of(FACTS, dialect=GITHUB)
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert rows == [
        "| **Delete** | `net.gone` |",
        "| **Replace** | `net.again` |",
        "| Update | `net.changed` |",
        "| Create | `net.also_new` |",
        "| Create | `net.new` |",
    ]
    assert details(MIXED).splitlines()[-2:] == ["- net.gone (delete)", "-     size: 3"]
    assert "!     zone: a -> b (forces replacement)" in text


@pytest.mark.parametrize("kind", sorted(BY_TYPE))
@pytest.mark.parametrize("count", [1, 60, 3000], ids=["one", "sixty", "thousands"])
def test_a_comment_fits_into_what_its_provider_takes(kind: str, count: int) -> None:
    rows = [change(f'net.x["{number}"]', "create", after={"text": "x" * 300}) for number in range(count)]
    rows.append(change("net.lost", "delete", before={"text": "y"}))
    text = comment_of(replace(FACTS, plan=plan_of(*rows)), dialect=BY_TYPE[kind])
    assert len(text) <= BY_TYPE[kind].comment_limit
    assert "| **Delete** | `net.lost` |" in text
    assert "- net.lost (delete)" in text, "what is destroyed is never cut off"
    if count == 3000:
        assert re.search(
            r"\d+ lines are left out here: \[the whole plan\]\(https://site.example/runs/12/plan.txt\)", text
        )
        assert "| | and 2951 more |" in text
    fences = [line for line in text.splitlines() if line.startswith("```")]
    assert len(fences) == 2, "each fence is closed"


def test_a_comment_for_a_tiny_limit_still_fits_and_keeps_its_head() -> None:
    text = comment_of(FACTS, dialect=Dialect(comment_limit=1400))
    assert len(text) <= 1400
    assert "Plan of `acme/net`" in text


def test_a_cut_begins_with_a_whole_line() -> None:
    assert tail("one\ntwo\nthree\n", 100) == ("one\ntwo\nthree\n", 0)
    assert tail("one\ntwo\nthree\n", 10) == ("two\nthree\n", 1)
    assert tail("one\ntwo\nthree\n", 9) == ("three\n", 2)
    assert tail("one\n" + "x" * 50, 10) == ("", 2)


@pytest.mark.parametrize("kind", sorted(BY_TYPE))
def test_no_sensitive_value_reaches_a_comment(kind: str) -> None:
    rows = (
        change(
            "net.a",
            "update",
            before={"password": SECRET, "deep": {"list": [SECRET]}},
            after={"password": SECRET + "2", "deep": {"list": [SECRET + "3"]}},
            before_sensitive={"password": True, "deep": {"list": [True]}},
            after_sensitive={"password": True, "deep": {"list": [True]}},
        ),
    )
    outputs = {
        "key": {
            "actions": ["update"],
            "before": SECRET,
            "after": "x",
            "before_sensitive": True,
            "after_sensitive": True,
        }
    }
    text = comment_of(replace(FACTS, plan=plan_of(*rows, outputs=outputs)), dialect=BY_TYPE[kind])
    assert SECRET not in text
    assert "(sensitive)" in text


HOSTILE = {
    "fence": "```\n# not a heading\n``````",
    "html": "</details><script>alert(1)</script>",
    "marker": "<!-- terrakube-site:workspace:other -->",
    "mention": "@everyone [click](https://evil.example)",
    "table": "a | b | c",
    "control": "\x1b[31mred\u202e",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_text_from_elsewhere_acts_nowhere(case: str) -> None:
    text = HOSTILE[case]
    plan = plan_of(change(f'net.x["{text}"]', "update", before={"a": "1"}, after={"a": text}))
    failed = replace(FACTS, status=JobStatus.FAILED, why=f"Error: {text}", plan=plan, workspace=f"net {text}")
    for dialect in (GITHUB, BITBUCKET):
        body = comment_of(failed, dialect=dialect, note=Note(lock=""))
        outside = _outside_of_code(body.partition("\n")[2])
        for word in ("<script", "@everyone", "](https://evil", "terrakube-site:", "# not a heading", "</details><"):
            assert word not in outside, (dialect, outside)
        assert "\x1b" not in body
        assert "\u202e" not in body
        table = [line for line in body.splitlines() if line.startswith("| Update")]
        assert len(table) == 1
        assert len(re.findall(r"(?<!\\)\|", table[0])) == 3


def _outside_of_code(body: str) -> str:
    """What is left of a comment without its code blocks and code spans, as CommonMark reads them."""
    lines, fence = [], ""
    for line in body.splitlines():
        opened = re.match(r"(`{3,})", line)
        if not fence and opened:
            fence = opened[1]
        elif fence:
            fence = "" if line.strip() == fence else fence
        else:
            lines.append(line)
    assert not fence
    return re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", "\n".join(lines))


def test_code_and_fences_are_longer_than_what_they_hold() -> None:
    assert code("plain") == "`plain`"
    assert code("a`b") == "``a`b``"
    assert code("`a`") == "`` `a` ``"
    assert code("") == "` `"
    assert fenced("a\n```\nb").startswith("````\n")
    assert fenced("") == "```\n\n```"


def test_a_long_sentence_is_cut_with_an_ellipsis() -> None:
    assert shortened("x" * 150, 140) == "x" * 139 + "…"
    assert shortened("one\ntwo", 140) == "one two"


def test_the_footer_names_what_a_comment_can_do() -> None:
    note = Note(lock="Locked by pull request 7", may_apply=True)
    text = comment_of(FACTS, dialect=GITHUB, note=note)
    assert "To apply this plan: `terrakube apply net`; to plan again: `terrakube plan net`; to unlock:" in text
    assert "\N{LOCK} Locked by pull request 7" in text
    assert "terrakube plan" not in comment_of(FACTS, dialect=GITHUB, note=Note(commands=False))


def test_an_older_commit_is_called_so() -> None:
    assert "(not the newest any more)" in comment_of(FACTS, dialect=GITHUB, note=Note(outdated=True))
