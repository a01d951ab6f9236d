"""The job's page shows how far an apply is with each resource, live and without scripts."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client

from executors.choices import AttemptOutcome
from executors.logs import store
from executors.models import Attempt
from executors.runs import apply_progress
from tests.factories import PLAN_AND_APPLY
from tests.panel.test_job_page import claim, finish, launch, live, page, start
from workspaces.models import Job, SavedPlan, Workspace

pytestmark = pytest.mark.django_db


def changes(**actions: list[str]) -> bytes:
    rows = [
        {"address": f"x.{name}", "change": {"actions": action, "before": None, "after": {}}}
        for name, action in actions.items()
    ]
    return json.dumps({"resource_changes": rows}).encode()


@pytest.fixture
def apply(workspace: Workspace) -> Attempt:
    """The running apply of a plan with three resources."""
    plan = launch(start(workspace, PLAN_AND_APPLY))
    claim(plan)
    SavedPlan.objects.create(
        step=plan.step, json=changes(a=["create"], b=["delete", "create"], c=["update"], d=["read"], e=["no-op"])
    )
    finish(plan, changes=True, plan="https://site.example/plan")
    attempt = launch(Job.objects.get(pk=plan.step.job_id))
    claim(attempt)
    return attempt


def say(attempt: Attempt, text: str) -> None:
    attempt.refresh_from_db()
    store.append_log(attempt, attempt.log_size, text.encode())


def progress(client: Client, attempt: Attempt) -> str:
    return str(live(client, attempt.step.job)["progress"])


def test_planned_resources_wait_then_run_and_are_done(apply: Attempt, admin: Client) -> None:
    assert "0 of 3 resources done" in progress(admin, apply)
    say(apply, "x.a: Creating...\nx.b: Destroying... [id=1]\nx.b: Destruction complete after 1s\n")
    text = progress(admin, apply)
    assert "Creating" in text
    assert 'data-since="' in text
    assert text.index("x.a") < text.index("x.c"), "what runs comes before what waits"
    assert "x.d" not in text
    say(apply, "x.b: Creating...\nx.b: Creation complete after 2s\nx.a: Creation complete after 1m5s [id=2]\n")
    text = progress(admin, apply)
    assert "2 of 3 resources done" in text
    for part in ("Replaced", "3 s", "1 min 05 s", "Waiting"):
        assert part in text
    assert "2 of 3 resources done" in page(admin, apply.step.job), "the same without scripts"


def test_what_did_not_end_is_said_once_the_apply_is_over(apply: Attempt, admin: Client) -> None:
    say(apply, "x.a: Creating...\nx.b: Destroying... [id=1]\n\nError: No quota\n\n  with x.a,\n  on main.tf line 1\n")
    finish(apply, outcome=AttemptOutcome.FAILED)
    text = progress(admin, apply)
    for part in ("1 failed", "Not finished", "Not started"):
        assert part in text
    assert "data-since" not in text


def test_a_line_that_was_lost_leaves_nothing_running_after_a_success(apply: Attempt, admin: Client) -> None:
    say(apply, "x.a: Creating...\n")
    finish(apply)
    assert "3 of 3 resources done" in progress(admin, apply)


def test_an_unchanged_progress_is_no_news(apply: Attempt, admin: Client) -> None:
    say(apply, "x.a: Creating...\n")
    version = str(live(admin, apply.step.job)["version"])
    say(apply, "x.a: Still creating... [10s elapsed]\n")
    assert live(admin, apply.step.job, version) == {}


def test_a_long_log_is_read_on_by_each_request_and_each_byte_once(
    apply: Attempt, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply_progress, "_READ_BYTES", 8)
    say(apply, "x.a: Creating...\nx.a: Creation complete after 1s\n")
    say(apply, "x.c: Modifying... [id=1]\nx.c: Modifications complete after 1s [id=1]\n")
    say(apply, "x.b: Destroying...\nx.b: Destruction complete after 1s\n")
    say(apply, "x.b: Creating...\nx.b: Creation complete after 1s\n")
    read: list[int] = []
    chunks = store.timed_chunks

    def counted(attempt_id: object, start: int, *, limit: int) -> object:
        read.append(start)
        return chunks(attempt_id, start, limit=limit)  # type: ignore[arg-type]

    monkeypatch.setattr(apply_progress, "timed_chunks", counted)
    found = [progress(admin, apply) for _ in range(5)]
    assert [text.split(" of 3 resources done")[0][-1] for text in found] == ["1", "2", "2", "3", "3"]
    assert ["still being read" in text for text in found] == [True, True, True, False, False]
    assert len(read) == len(set(read)) == 4


def test_many_resources_are_cut_and_take_no_more_queries(
    apply: Attempt, admin: Client, django_assert_max_num_queries: Callable[..., object]
) -> None:
    say(apply, "".join(f"y.r[{number}]: Creating...\n" for number in range(300)))
    with django_assert_max_num_queries(16):  # type: ignore[attr-defined]
        text = progress(admin, apply)
    assert text.count("<li>") == apply_progress.MOST_ROWS
    assert "203 more resources" in text


def test_addresses_are_made_safe_and_a_plan_alone_has_no_progress(workspace: Workspace, admin: Client) -> None:
    plan = launch(start(workspace, PLAN_AND_APPLY))
    claim(plan)
    say(plan, "x.a: Creating...\n")
    assert progress(admin, plan).strip() == ""
    finish(plan, changes=True, plan="https://site.example/plan")
    attempt = launch(Job.objects.get(pk=plan.step.job_id))
    claim(attempt)
    say(attempt, 'x.a["<b>\u202e"]: Creating...\n')
    text = progress(admin, attempt)
    assert "&lt;b&gt;" in text
    assert "\u202e" not in text
