"""Logs of runs as a terminal reads them: by the byte, without a token, with an end that comes at the right moment."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from executors.attempts import lifecycle
from executors.choices import AttemptState, EventKind
from executors.logs import store
from executors.logs.byte_range import gaps_of, read_range, shown_size
from executors.models import Attempt
from tests.api.client import Api
from tests.tfe.runs import (
    DONE,
    WITH_CHANGES,
    begin,
    end,
    new_version,
    owner_of_runs,
    read_log,
    run_step,
    start_run,
    with_templates,
)
from tfe.runs.log_address import log_address
from tfe.runs.status import Phase
from workspaces.jobs import transitions
from workspaces.jobs.transitions import Outcome
from workspaces.models import Job, Workspace
from workspaces.reasons import reason, told
from workspaces.services.jobs import cancel_job

pytestmark = pytest.mark.django_db
TEXT = "Plan: 1 to add, für später\n".encode() * 3


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    return with_templates(workspace)


@pytest.fixture
def owner(workspace: Workspace) -> Api:
    return owner_of_runs()


@pytest.fixture
def job(owner: Api, workspace: Workspace) -> Job:
    return start_run(owner, workspace, new_version(owner, workspace))


def path_of(job: Job, phase: Phase) -> str:
    return "/" + log_address(job.pk, phase).split("/", 3)[3]


@pytest.mark.parametrize("limit", [1, 7, 65536])
def test_a_log_has_its_bytes_between_the_marks_however_it_is_cut(owner: Api, job: Job, limit: int) -> None:
    assert read_log(owner, "plan", job) == b"\x02"
    attempt = begin(job)
    store.append_log(attempt, 0, TEXT[:10])
    assert read_log(owner, "plan", job, limit=limit) == b"\x02" + TEXT[:10]
    end(attempt, WITH_CHANGES, TEXT[10:])
    # The job has not left its plan yet.
    assert read_log(owner, "plan", job, limit=limit) == b"\x02" + TEXT
    transitions.advance(job.pk)
    assert read_log(owner, "plan", job, limit=limit) == b"\x02" + TEXT + b"\x03"


def test_an_apply_begins_with_three_lines_that_the_clients_drop(owner: Api, job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(auto_apply=True)
    run_step(job, WITH_CHANGES, TEXT)
    run_step(job, DONE, b"Apply complete!\n")
    transitions.advance(job.pk)
    lines = read_log(owner, "apply", job).splitlines(keepends=True)
    assert lines[0].startswith(b"\x02")
    assert lines[3:] == [b"Apply complete!\n", b"\x03"]


def test_a_step_that_never_began_says_why_in_its_log(owner: Api, job: Job) -> None:
    transitions.cancel(job.pk, by="owner@example.com")
    job.refresh_from_db()
    assert read_log(owner, "plan", job) == f"\x02\n{job.reason}\n\x03".encode()
    assert "owner@example.com" in job.reason


def test_a_failure_that_the_log_tells_itself_is_not_told_twice(owner: Api, job: Job) -> None:
    run_step(job, Outcome(succeeded=False, why=told("failed", "No luck.")), b"Error: no luck\n")
    assert read_log(owner, "plan", job) == b"\x02Error: no luck\n\x03"


def test_last_words_after_a_cancel_are_in_the_log_before_its_end(owner: Api, job: Job) -> None:
    attempt = begin(job)
    store.append_log(attempt, 0, b"Planning\n")
    cancel_job(job, by=None)
    assert read_log(owner, "plan", job) == b"\x02Planning\n"
    store.append_log(attempt, 9, b"Interrupted\n")
    Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.ENDED)
    assert read_log(owner, "plan", job) == b"\x02Planning\nInterrupted\n\x03"


def test_what_a_pod_waits_for_stands_before_its_log(owner: Api, job: Job) -> None:
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor="kubernetes")  # type: ignore[arg-type]
    assert attempt is not None
    lifecycle.mark_launched(attempt, host="")
    lifecycle.record_event(attempt, EventKind.WAITING, reason("scheduling"))
    assert read_log(owner, "plan", job) == b"\x02Waits for a node\n"
    lifecycle.claim_attempt(attempt, "session")
    store.append_log(attempt, 0, TEXT)
    assert read_log(owner, "plan", job) == b"\x02Waits for a node\n" + TEXT
    # What is noted late moves no byte.
    lifecycle.record_event(attempt, EventKind.WAITING, reason("not-taken"), timezone.now())
    assert read_log(owner, "plan", job) == b"\x02Waits for a node\n" + TEXT


def test_lost_bytes_are_a_note_of_their_own_length(owner: Api, job: Job) -> None:
    attempt = begin(job)
    store.append_log(attempt, 0, b"before\n")
    store.declare_lost(attempt, 7, 5000)
    store.append_log(attempt, 5007, b"after\n")
    note = store.lost_note(5000)
    for limit in (1, 9, 65536):
        assert read_log(owner, "plan", job, limit=limit) == b"\x02before\n" + note + b"after\n"
    gaps = gaps_of(attempt.pk)
    assert shown_size(5013, gaps) == 13 + len(note)
    assert read_range(attempt.pk, 8, 4, gaps) == note[1:5]


def test_the_address_of_a_log_is_of_one_phase_and_one_day(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    path = path_of(job, Phase.PLAN)
    response = Client().get(path)
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert Client().post(path).status_code == 405
    for wrong in (path.replace("plan", "apply"), path.replace(f"{job.pk}.", f"{job.pk + 1}."), f"{path}x"):
        assert Client().get(wrong).status_code == 404, wrong
    monkeypatch.setattr("django.core.signing.time.time", lambda: timezone.now().timestamp() + 26 * 3600)
    assert Client().get(path).status_code == 404
    Job.objects.filter(pk=job.pk).delete()
    assert Client().get(path_of(job, Phase.PLAN)).status_code == 404


@pytest.mark.parametrize("query", ["limit=x&offset=-1", "limit=0", "offset=999999999999999", "limit=99999999999"])
def test_strange_offsets_are_no_error(job: Job, query: str) -> None:
    assert Client().get(f"{path_of(job, Phase.PLAN)}?{query}").status_code == 200


def test_a_poll_costs_two_queries(job: Job, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    attempt = begin(job)
    for number in range(20):
        store.append_log(attempt, number * len(TEXT), TEXT)
    path = path_of(job, Phase.PLAN)
    for offset in (0, 500, 20 * len(TEXT) + 1):
        with django_assert_max_num_queries(2):
            assert Client().get(f"{path}?limit=300&offset={offset}").status_code == 200
