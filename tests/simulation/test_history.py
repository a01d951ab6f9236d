"""The checker of histories: it finds each thing that must never be seen, and nothing in a history that is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.choices import Choices
from tests.simulation.clock import Clock
from tests.simulation.history import Event, Kind, check_history
from tests.simulation.pieces import Log, Piece, pieces
from tests.simulation.schedule import Schedule
from tests.simulation.shrinking import as_text, from_text, shrunk
from tests.simulation.weather import Weather


def _event(
    kind: Kind,
    status: str = "",
    *,
    executor: str = "pod-1",
    step: str = "plan",
    job: int = 1,
    attempt: str = "first",
) -> Event:
    return Event(
        at=1.0, kind=kind, job=job, step=step, workspace="network", attempt=attempt, executor=executor, status=status
    )


RIGHT = (
    _event(Kind.JOB, "running"),
    _event(Kind.STEP, "running"),
    _event(Kind.GIVEN),
    _event(Kind.CLAIMED),
    _event(Kind.BEGUN),
    _event(Kind.DONE),
    _event(Kind.STEP, "completed"),
    _event(Kind.HEARD, "succeeded"),
    _event(Kind.GONE),
    _event(Kind.BEGUN, step="apply", executor="pod-2"),
    _event(Kind.JOB, "completed"),
)
WRONG = {
    "began again": (_event(Kind.BEGUN), _event(Kind.GONE), _event(Kind.BEGUN, executor="pod-2")),
    "two executors are at work": (_event(Kind.BEGUN), _event(Kind.BEGUN, step="apply", executor="pod-2", job=2)),
    "was given to": (_event(Kind.CLAIMED), _event(Kind.CLAIMED, executor="pod-2")),
    "pod-1 got attempt second after first": (
        _event(Kind.GIVEN),
        _event(Kind.CLAIMED),
        _event(Kind.GIVEN, attempt="second"),
    ),
    "was handed over to pod-2": (_event(Kind.GIVEN), _event(Kind.GIVEN, executor="pod-2")),
    "was cancelled, and is failed": (_event(Kind.JOB, "cancelled"), _event(Kind.JOB, "failed")),
    "was failed, and is running": (_event(Kind.STEP, "failed"), _event(Kind.STEP, "running")),
    "succeeded and was heard, and it is failed": (
        _event(Kind.BEGUN),
        _event(Kind.STEP, "failed"),
        _event(Kind.HEARD, "succeeded"),
    ),
    "two results count": (
        _event(Kind.BEGUN),
        _event(Kind.STEP, "completed"),
        _event(Kind.HEARD, "succeeded"),
        _event(Kind.HEARD, "failed"),
    ),
    "it has not ended": (_event(Kind.WRONG, "it has not ended"),),
}


def test_a_history_that_is_right_has_no_violation() -> None:
    assert check_history(RIGHT) == []


@pytest.mark.parametrize("words", WRONG)
def test_what_must_never_be_seen_is_found(words: str) -> None:
    assert any(words in violation for violation in check_history(WRONG[words]))


def test_a_lost_plan_may_begin_again_once_its_executor_is_gone() -> None:
    former, following = _event(Kind.BEGUN), _event(Kind.BEGUN, executor="pod-2")
    again = Event(**{name: getattr(following, name) for name in Event.__slots__} | {"again": True})
    assert check_history((former, _event(Kind.GONE), again)) == []
    assert check_history((former, again)) != []


def test_of_many_choices_those_remain_that_lead_to_the_fault() -> None:
    choices = {f"pause:{number}": 1 for number in range(40)} | {"task lost:3": 1, "how pause:2": 4}

    def run(tried: object) -> list[str]:
        wrong = isinstance(tried, dict) and {"task lost:3", "pause:7"} <= tried.keys()
        return ["at 12.5 s: job 4 waits"] if wrong else ["at 3 s: something else"]

    fewer = shrunk(choices, ["at 99.0 s: job 1 waits"], run)
    assert fewer == {"pause:7": 1, "task lost:3": 1}
    assert from_text(as_text(choices)) == choices


def test_a_run_is_cut_where_every_other_run_is_cut() -> None:
    assert list(pieces(50, 260)) == [Piece(50, 50), Piece(100, 100), Piece(200, 100), Piece(300, 10)]


def test_what_is_done_is_not_done_again_and_counts_for_its_own_code_only(tmp_path: Path) -> None:
    log = Log(tmp_path / "simulation.log", "now")
    wanted = list(pieces(0, 300))
    log.add(wanted[1], [117], 4.2)
    with (tmp_path / "simulation.log").open("a") as text:
        text.write('\n{"first": 0, "histo')
    log.add(wanted[2], [], 4.2)
    assert log.left(wanted) == [wanted[0]]
    assert log.wrong() == [117]
    assert Log(tmp_path / "simulation.log", "changed").left(wanted) == wanted


def test_a_process_that_does_the_same_for_ever_at_one_moment_is_seen() -> None:
    told: list[str] = []
    schedule = Schedule(Weather(Choices(0, {})), Clock(), told.append)

    def look() -> None:
        schedule.at(0, look)

    schedule.at(1, look)
    assert not schedule.run(until=lambda: False, limit=10)
    assert told == ["something is done again and again, and no time passes"]
