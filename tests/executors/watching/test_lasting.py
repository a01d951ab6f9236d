"""What time alone makes of a start."""

from __future__ import annotations

import datetime as dt

import pytest

from executors.choices import EventKind
from executors.watching.diagnosis.over_time import lasting
from executors.watching.diagnosis.pods import Diagnosis, Kind, diagnose
from executors.watching.sweep import Sweep
from tests.executors.watching.conftest import Make, MemoryCluster
from tests.executors.watching.recorded_states import recorded

NOTED = dt.datetime(2026, 11, 25, 2, 10, 12, tzinfo=dt.UTC)


def after(seconds: float) -> dt.datetime:
    return NOTED + dt.timedelta(seconds=seconds)


def of(name: str) -> Diagnosis:
    state = recorded(name)
    return diagnose(state.job, state.pods)


def test_a_pod_that_its_node_does_not_take_is_waited_for_20_s_and_then_blamed_on_the_node() -> None:
    plain = of("not-taken")
    assert lasting(plain, noted=NOTED, now=after(19)) == (plain, after(20))
    found, again_at = lasting(plain, noted=NOTED, now=after(20))
    assert (found.code, found.kind, again_at) == ("node-unreachable", Kind.STUCK, None)
    assert found.why.sentence == "The pod's node does not answer"


@pytest.mark.parametrize("name", ["running", "missing-config-map-volume", "unschedulable-taint"])
def test_what_a_node_or_the_scheduler_has_spoken_of_is_not_blamed_on_time(name: str) -> None:
    plain = of(name)
    assert lasting(plain, noted=NOTED, now=after(3600)) == (plain, None)


@pytest.mark.parametrize(
    ("seconds", "span", "following"),
    [
        (29, "", 30),
        (30, " for more than 30 s", 60),
        (119, " for more than 60 s", 120),
        (130, " for more than 2 minutes", 300),
        (4000, " for more than 20 minutes", None),
    ],
)
def test_an_image_is_said_to_be_fetched_for_as_long_as_it_is(seconds: int, span: str, following: int | None) -> None:
    state = recorded("missing-config-map-volume")
    pulling = {"reason": "Pulling", "message": 'Pulling image "i:1"', "lastTimestamp": NOTED.isoformat()}
    plain = diagnose(state.job, state.pods, events=[pulling])
    found, again_at = lasting(plain, noted=after(3), now=after(seconds))
    assert found.why.sentence == plain.why.sentence + span
    assert again_at == (None if following is None else after(following))


@pytest.mark.django_db
def test_the_step_says_that_its_node_does_not_answer_until_the_node_has_a_word(
    make: Make, sweep: Sweep, memory_cluster: MemoryCluster
) -> None:
    attempt = make(seconds=0)
    began = attempt.launched_at
    assert began is not None
    memory_cluster.put(attempt, "not-taken")
    job, its_job = memory_cluster.jobs[str(attempt.pk)], attempt.step.job

    def look(seconds: float) -> str:
        sweep.looker.look_at(attempt, job, memory_cluster.pods_of(attempt), now=began + dt.timedelta(seconds=seconds))
        its_job.refresh_from_db()
        return str(its_job.reason)

    look(0)
    assert look(4) == "Waits for its node to take the pod"
    assert sweep.looker.again[str(attempt.pk)] == began + dt.timedelta(seconds=20)
    assert look(20) == "The pod's node does not answer"
    assert its_job.reason_code == "node-unreachable"
    memory_cluster.put(attempt, "missing-config-map-volume")
    look(25)
    assert look(29) == "Waits for its node to fetch the image and create the container"
    told = attempt.events.filter(kind=EventKind.WAITING).values_list("detail", flat=True)
    assert list(told).count("The pod's node does not answer") == 1
