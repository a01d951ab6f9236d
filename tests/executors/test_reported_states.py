"""States that an executor reports: versions, what is kept beside them, the lock."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.executors.reporter import LOCK, STATE, Executor, job_of
from workspaces.models import RecoveredState, StateLock, StateVersion

pytestmark = pytest.mark.django_db


def test_state_is_kept_as_versions_and_never_twice(executor: Executor) -> None:
    assert executor.call("state", method="get").status_code == 204
    assert json.loads(executor.call("state", STATE).content) == {"serial": 7}
    assert executor.call("state", STATE).status_code == 200
    executor.call("state", STATE | {"serial": 8})
    assert list(StateVersion.objects.values_list("number", "serial")) == [(2, 8), (1, 7)]
    assert json.loads(executor.call("state", method="get").content)["serial"] == 8
    executor.call("state-json", b'{"values": {}}', method="put")
    assert StateVersion.objects.order_by("-number")[0].json == b'{"values": {}}'


def test_what_is_no_state_is_refused_and_nothing_is_lost(executor: Executor) -> None:
    executor.call("state", STATE)
    assert executor.call("state", b"not json").status_code == 400
    assert executor.call("state", {"serial": "x"}).status_code == 400
    assert StateVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({**STATE, "serial": 6}, "state-not-newer"),
        ({**STATE, "outputs": {"a": {"value": 1}}}, "state-not-newer"),
        ({**STATE, "serial": 8, "lineage": "l-2"}, "state-of-another-lineage"),
    ],
)
def test_a_state_that_does_not_follow_the_current_one_is_kept_beside_it(
    executor: Executor, content: dict[str, Any], code: str
) -> None:
    assert executor.call("state", STATE).status_code == 200
    refused = executor.call("state", content)
    answer = json.loads(refused.content)
    assert (refused.status_code, answer["errors"][0]["code"], answer["recovered"]) == (409, code, True)
    assert StateVersion.objects.get().serial == 7
    recovered = RecoveredState.objects.get()
    assert (recovered.job_id, json.loads(recovered.content)) == (job_of(executor).pk, content)
    assert recovered.why == answer["errors"][0]["detail"]
    # As it is now, also when the newer state came in between.
    assert json.loads(executor.call("state", method="get").content) == STATE


def test_a_state_under_another_s_lock_is_kept_beside_the_current_one(executor: Executor) -> None:
    executor.call("lock", LOCK)
    assert executor.call("state?lock=another", STATE).status_code == 409
    assert RecoveredState.objects.get().serial == 7
    assert executor.call("state?lock=lock-1", {**STATE, "serial": 8}).status_code == 200
    assert not RecoveredState.objects.exists()


def test_an_executor_whose_attempt_is_over_can_still_leave_its_state(executor: Executor) -> None:
    assert (
        executor.call("result", {"outcome": "failed", "exitCode": 1, "reason": "x", "message": "y"}).status_code == 200
    )
    assert executor.call("state", STATE).status_code == 410
    assert executor.call("recovered-state?why=it+was+over", STATE, token="wrong").status_code == 401
    assert executor.call("recovered-state?why=it+was+over", b"no state").status_code == 400
    assert executor.call("recovered-state?why=it+was+over", STATE).status_code == 200
    recovered = RecoveredState.objects.get()
    assert (recovered.why, recovered.serial) == ("it was over", 7)
    assert not StateVersion.objects.exists()


def test_a_state_that_is_too_large_to_be_current_can_be_left(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executors.reporting.state.MAX_STATE_BYTES", 50)
    assert executor.call("state", STATE).status_code == 413
    assert executor.call("recovered-state?why=too+large", STATE).status_code == 200
    assert RecoveredState.objects.get().why == "too large"


@pytest.mark.parametrize(
    "tcl",
    [
        "flow:\n  - {type: terraformPlan, step: 100}\n",
        "flow:\n  - {type: terraformPlan, step: 100}\n  - {type: approval, step: 150}\n"
        "  - {type: terraformApply, step: 200}\n",
    ],
)
def test_a_plan_before_an_approval_writes_no_state(launched: Callable[..., Executor], tcl: str) -> None:
    executor = launched(tcl)
    executor.claim()
    for path in ("state", "recovered-state"):
        assert executor.call(path, STATE).status_code == 403
    assert not StateVersion.objects.exists()
    assert not RecoveredState.objects.exists()


def test_the_state_lock_has_one_holder(executor: Executor) -> None:
    assert executor.call("lock", LOCK).status_code == 200
    assert executor.call("lock", LOCK).status_code == 200
    refused = executor.call("lock", LOCK | {"ID": "lock-2"})
    assert (refused.status_code, json.loads(refused.content)["ID"]) == (423, "lock-1")
    assert executor.call("state?lock=lock-2", STATE).status_code == 409
    assert executor.call("state?lock=lock-1", STATE).status_code == 200
    assert executor.call("unlock", LOCK | {"ID": "lock-2"}).status_code == 409
    assert executor.call("unlock", LOCK).status_code == 200
    assert executor.call("unlock", LOCK).status_code == 200
    assert not StateLock.objects.exists()


@pytest.mark.parametrize("again", [False, True])
def test_a_plan_releases_no_lock_of_another_job(
    executor: Executor, launched: Callable[..., Executor], again: bool
) -> None:
    executor.call("lock", LOCK)
    plan = launched("flow:\n  - {type: terraformPlan, step: 100}\n")
    plan.claim()
    refused = plan.call("lock", LOCK | {"ID": "lock-2"})
    assert (refused.status_code, json.loads(refused.content)["ID"]) == (423, "lock-1"), "which tells the ID"
    if again:
        plan.call("lock", LOCK)
    assert plan.call("unlock", LOCK).status_code == 409
    assert executor.call("state?lock=lock-1", STATE).status_code == 200
    assert executor.call("unlock", LOCK).status_code == 200
    own = LOCK | {"ID": "lock-3"}
    assert [plan.call(path, own).status_code for path in ("lock", "unlock")] == [200, 200]
    assert not StateLock.objects.exists()
