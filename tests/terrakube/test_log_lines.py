"""Log lines of Terrakube's executor, by HTTP and from Redis: each once, in order, and masked."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from executors.attempts import lifecycle
from executors.choices import AttemptOutcome
from executors.installation.settings import installation
from executors.logs import store
from executors.models import Attempt, LogCursor
from executors.terrakube import java, stream
from executors.terrakube.follower import Follower
from executors.terrakube.log_lines import Line, fold_lines
from tests.api.client import token_of
from tests.factories import VariableFactory
from tests.terrakube.calls import Calls
from workspaces.reasons import told

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(launch: Callable[..., Attempt]) -> Attempt:
    attempt = launch()
    Calls(attempt.step).start()
    attempt.refresh_from_db()
    return attempt


def log_of(attempt: Attempt) -> str:
    return store.read_log(attempt).data.decode()


def row(attempt: Attempt, number: int, text: str = "") -> dict[str, Any]:
    text = text or f"line {number}"
    return {"jobId": attempt.step.job_id, "stepId": str(attempt.step_id), "lineNumber": number, "output": text}


def send(attempt: Attempt, rows: Any, *, bearer: str | None = None) -> int:
    return Calls(attempt.step, bearer=bearer).send("POST", "/logs", {"data": rows}).status_code


# ---- by HTTP --------------------------------------------------------------------------------------------------------


def test_lines_are_kept_and_answered_with_nothing(attempt: Attempt) -> None:
    calls = Calls(attempt.step)
    assert calls.send("POST", f"/logs/{attempt.step.job_id}/setup-consumer-groups").status_code == 200
    response = calls.send("POST", "/logs", {"data": [row(attempt, 1), row(attempt, 2, "größer")]})
    assert (response.status_code, response.content) == (200, b"")
    assert log_of(attempt) == "line 1\ngrößer\n"


def test_a_batch_whose_answer_was_lost_counts_once(attempt: Attempt) -> None:
    first, second = [row(attempt, 1), row(attempt, 2)], [row(attempt, 1), row(attempt, 2), row(attempt, 3)]
    for batch in (first, first, second, second):
        assert send(attempt, batch) == 200
    assert log_of(attempt) == "line 1\nline 2\nline 3\n"


def test_lines_that_waited_come_behind_later_ones_and_are_not_lost(attempt: Attempt) -> None:
    send(attempt, [row(attempt, 3), row(attempt, 4)])
    send(attempt, [row(attempt, 5), row(attempt, 2), row(attempt, 1)])
    send(attempt, [row(attempt, number) for number in range(1, 6)])
    assert log_of(attempt).split("\n") == ["line 3", "line 4", "line 1", "line 2", "line 5", ""]
    assert LogCursor.objects.get(attempt=attempt).line_numbers == [[1, 5]]


def test_any_order_of_repeated_lines_gives_each_once(attempt: Attempt) -> None:
    chance = random.Random(7)  # noqa: S311 - it only shuffles
    for _ in range(20):
        fold_lines(attempt, [Line(number, str(number)) for number in chance.choices(range(1, 40), k=10)])
    fold_lines(attempt, [Line(number, str(number)) for number in range(1, 40)])
    assert sorted(map(int, log_of(attempt).split())) == list(range(1, 40))
    assert LogCursor.objects.get(attempt=attempt).line_numbers == [[1, 39]]


def test_lines_of_a_step_that_is_over_or_unknown_change_nothing(attempt: Attempt) -> None:
    send(attempt, [row(attempt, 1)])
    lifecycle.fail_attempt(attempt, told("silent", "lost"), outcome=AttemptOutcome.LOST)
    assert send(attempt, [row(attempt, 2), row(attempt, 3) | {"stepId": str(uuid4())}]) == 200
    assert log_of(attempt) == "line 1\n"


def test_a_line_of_128_kib_and_a_log_of_megabytes_are_kept(attempt: Attempt) -> None:
    assert send(attempt, [row(attempt, 1, "x" * 128 * 1024)]) == 200
    assert send(attempt, [row(attempt, number, "y" * 1023) for number in range(2, 5000)]) == 200
    attempt.refresh_from_db()
    assert attempt.log_size == 128 * 1024 + 1 + 4998 * 1024
    assert store.read_log(attempt, attempt.log_size - 5).data == b"yyyy\n"


def test_sensitive_values_are_masked(attempt: Attempt) -> None:
    VariableFactory.create(workspace=attempt.step.job.workspace, value="hidden-value", sensitive=True)
    send(attempt, [row(attempt, 1, "the hidden-value is here")])
    assert log_of(attempt) == "the *** is here\n"


@pytest.mark.parametrize("rows", [None, {}, "x", [1], [{"stepId": "no"}], [{}]])
def test_malformed_lines_are_refused(attempt: Attempt, rows: Any) -> None:
    assert send(attempt, rows) == 400
    assert log_of(attempt) == ""


def test_only_an_executor_may_send_lines(attempt: Attempt) -> None:
    assert send(attempt, [row(attempt, 1)], bearer=token_of("READERS")) == 403
    assert send(attempt, [row(attempt, 1)], bearer="") == 401
    assert log_of(attempt) == ""


def test_a_session_of_our_own_executor_gets_no_lines_of_another(launch: Callable[..., Attempt]) -> None:
    ours = launch()
    lifecycle.claim_attempt(ours, "s" * 43)
    assert send(ours, [row(ours, 1)]) == 200
    assert log_of(ours) == ""


# ---- from Redis -----------------------------------------------------------------------------------------------------


def add(attempt: Attempt, text: str, *, step_id: str = "") -> None:
    client = stream._client()
    assert client is not None
    fields = {
        "jobId": str(attempt.step.job_id),
        "stepId": step_id or str(attempt.step_id),
        "lineNumber": "1",
        "output": text,
    }
    client.xadd(stream.stream_key(attempt.step.job_id), {java.dumps(k): java.dumps(v) for k, v in fields.items()})


@pytest.fixture
def streamed(attempt: Attempt) -> Attempt:
    stream.delete(attempt.step.job_id)
    return attempt


@pytest.mark.redis
def test_new_entries_are_taken_over_once(streamed: Attempt) -> None:
    job_id = streamed.step.job_id
    add(streamed, "one")
    assert stream.fold(streamed, job_id)
    assert not stream.fold(streamed, job_id)
    add(streamed, "zwei 🙂")
    assert stream.fold(streamed, job_id)
    assert log_of(streamed) == "one\nzwei 🙂\n"


@pytest.mark.redis
def test_entries_of_another_step_are_passed_over(streamed: Attempt) -> None:
    add(streamed, "of the plan", step_id=str(uuid4()))
    add(streamed, "of this")
    stream.fold(streamed, streamed.step.job_id)
    assert log_of(streamed) == "of this\n"


@pytest.mark.redis
def test_more_entries_than_are_read_at_once_all_come(streamed: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "AT_ONCE", 7)
    for number in range(30):
        add(streamed, str(number))
    stream.fold(streamed, streamed.step.job_id)
    assert log_of(streamed).split() == [str(number) for number in range(30)]


@pytest.mark.redis
def test_a_very_long_line_is_read(streamed: Attempt) -> None:
    add(streamed, "x" * 128 * 1024)
    stream.fold(streamed, streamed.step.job_id)
    assert log_of(streamed) == "x" * 128 * 1024 + "\n"


@pytest.mark.redis
def test_what_is_in_redis_at_the_end_is_in_the_log_and_gone_from_there(streamed: Attempt) -> None:
    add(streamed, "the last line")
    Calls(streamed.step).end(planChanges=False)
    assert log_of(streamed) == "the last line\n"
    client = stream._client()
    assert client is not None
    assert not client.exists(stream.stream_key(streamed.step.job_id))


@pytest.mark.redis
def test_the_stream_of_a_lost_executor_is_deleted(streamed: Attempt) -> None:
    follower = Follower(installation())
    add(streamed, "the last line")
    assert follower.turn() == 1
    lifecycle.fail_attempt(streamed, told("silent", "lost"), outcome=AttemptOutcome.LOST)
    assert follower.turn() == 0
    assert log_of(streamed) == "the last line\n"
    client = stream._client()
    assert client is not None
    assert not client.exists(stream.stream_key(streamed.step.job_id))


@pytest.mark.redis
def test_a_stream_that_holds_something_else_ends_nothing(streamed: Attempt) -> None:
    client = stream._client()
    assert client is not None
    client.xadd(stream.stream_key(streamed.step.job_id), {"output": "plain"})
    add(streamed, "of this")
    stream.fold(streamed, streamed.step.job_id)
    assert log_of(streamed) == "of this\n"
