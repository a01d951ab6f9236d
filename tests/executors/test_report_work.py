"""What the commonest call of an executor costs: counted, since a clock would say what else the machine does."""

from __future__ import annotations

import pytest

from tests.executors.reporter import launch
from tests.factories import WorkspaceFactory
from tests.support.work import counted_calls, kept_statements

pytestmark = pytest.mark.django_db
MOST_STATEMENTS, MOST_CALLS = 2, 2_600
HEARTBEAT = {"phase": "plan", "commitId": None}


def test_a_heartbeat_takes_two_statements_and_few_calls() -> None:
    executor = launch(WorkspaceFactory.create())
    assert executor.claim().status_code == 200
    # The first one notes the phase, and the second one's queries are built.
    for _ in range(2):
        assert executor.call("heartbeat", HEARTBEAT).status_code == 200
    with kept_statements() as statements:
        executor.call("heartbeat", HEARTBEAT)
    assert len(statements) <= MOST_STATEMENTS, "\n".join(statements)
    with counted_calls() as calls:
        executor.call("heartbeat", HEARTBEAT)
    assert calls.count <= MOST_CALLS, calls.most_called()
