"""What a container said that never reported."""

from __future__ import annotations

import pytest

from executors.choices import AttemptState
from executors.logs import store
from executors.models import Attempt
from tests.executors.watching.conftest import Make, MemoryCluster, Run, shift
from tests.factories import VariableFactory

pytestmark = pytest.mark.django_db


def fresh(attempt: Attempt) -> Attempt:
    return Attempt.objects.get(pk=attempt.pk)


def test_what_a_container_said_before_it_ended_unclaimed_is_kept_and_masked(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make()
    VariableFactory.create(workspace=attempt.step.job.workspace, key="TOKEN", value="s3cr3t-value", sensitive=True)
    memory_cluster.put(attempt, "exit-64")
    memory_cluster.words = "x" * 100_000 + "\ncannot reach the API with s3cr3t-value\n"
    run()
    shift(attempt, 6)
    run()
    assert fresh(attempt).state == AttemptState.ENDED
    memory_cluster.remove(attempt)
    log = store.read_log(fresh(attempt)).data
    assert log.startswith(b"[What the container of pod")
    assert log.endswith(b"cannot reach the API with ***\n")
    assert len(log) < 66_000


def test_the_words_of_an_executor_that_claimed_are_its_own_log(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    memory_cluster.put(attempt, "exit-64")
    memory_cluster.words = "something\n"
    run()
    shift(attempt, 6)
    run()
    assert (fresh(attempt).state, fresh(attempt).log_size) == (AttemptState.ENDED, 0)


def test_without_the_right_to_read_pod_logs_nothing_else_changes(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make()
    memory_cluster.put(attempt, "exit-64")
    run()
    shift(attempt, 6)
    run()
    assert (fresh(attempt).state, fresh(attempt).log_size) == (AttemptState.ENDED, 0)
