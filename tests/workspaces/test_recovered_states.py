"""Which states become current, and what becomes of the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from tests.factories import PLAN_AND_APPLY, TeamFactory, WorkspaceFactory
from workspaces.choices import JobStatus
from workspaces.errors import InvalidInput, NotAllowed, WrongState
from workspaces.jobs import transitions
from workspaces.models import Job, RecoveredState, StateLock, StateVersion, Workspace
from workspaces.services import jobs
from workspaces.services.recovered_states import (
    MAX_PER_JOB,
    discard_recovered_state,
    keep_recovered_state,
    make_recovered_state_current,
)
from workspaces.services.state import StateRefused, import_state, record_state, write_state
from workspaces.services.state_content import read_state

pytestmark = pytest.mark.django_db


def state(serial: int = 1, lineage: str = "l-1", **members: Any) -> bytes:
    return json.dumps(
        {"version": 4, "serial": serial, "lineage": lineage, "outputs": {}, "resources": [], **members}
    ).encode()


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


@pytest.fixture
def job(workspace: Workspace) -> Job:
    return jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)


def ended(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(status=JobStatus.FAILED, holds_workspace=False)


def numbers(workspace: Workspace) -> list[tuple[int, int]]:
    return list(workspace.state_versions.order_by("number").values_list("number", "serial"))


def test_an_apply_writes_many_serials_in_a_row(job: Job, workspace: Workspace) -> None:
    for serial in (1, 2, 5, 6):
        write_state(job, state(serial))
    assert numbers(workspace) == [(1, 1), (2, 2), (3, 5), (4, 6)]


def test_the_same_state_again_is_no_new_version(job: Job, workspace: Workspace) -> None:
    first = write_state(job, state(3))
    assert write_state(job, state(3)).pk == first.pk
    other_order = json.dumps(dict(reversed(list(json.loads(state(3)).items())))).encode()
    assert write_state(job, other_order).pk == first.pk
    assert numbers(workspace) == [(1, 3)]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (state(6), "state-not-newer", "The serial 6 is not above 7"),
        (state(7, outputs={"a": {"value": 1}}), "state-not-newer", "The serial 7 is not above 7"),
        (state(8, "l-2"), "state-of-another-lineage", "The lineage l-2 is not that of"),
    ],
)
def test_what_does_not_follow_the_current_state_is_refused_from_everyone(
    job: Job, workspace: Workspace, content: bytes, code: str, words: str
) -> None:
    write_state(job, state(7))
    with pytest.raises(StateRefused, match=words) as refused:
        write_state(job, content)
    assert refused.value.code == code
    with pytest.raises(StateRefused, match=words):
        record_state(workspace, key=job.steps.model().pk, job=job, content=content, described=None, by=None)
    ended(job)
    with pytest.raises(StateRefused, match=words):
        import_state(workspace, content, by=None)
    assert numbers(workspace) == [(1, 7)]


def test_after_a_state_that_could_not_be_read_any_state_may_follow(job: Job, workspace: Workspace) -> None:
    StateVersion.objects.create(workspace=workspace, number=1, serial=9, lineage="0", content=None)
    write_state(job, state(2))
    assert numbers(workspace) == [(1, 9), (2, 2)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"serial": 1}',
        b'{"serial": "1", "lineage": "l"}',
        b'{"serial": true, "lineage": "l"}',
        b'{"serial": -1, "lineage": "l"}',
        b'{"serial": 1180591620717411303424, "lineage": "l"}',
        b'{"serial": Infinity, "lineage": "l"}',
        b'{"serial": 1, "lineage": 5}',
        b'{"serial": 1, "lineage": ""}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_state_is_refused(job: Job, content: bytes) -> None:
    with pytest.raises(InvalidInput, match="not a Terraform state"):
        write_state(job, content)
    with pytest.raises(InvalidInput, match="not a Terraform state"):
        keep_recovered_state(job.workspace, content, job=job, why="")


def test_a_refused_state_is_kept_encrypted_and_of_each_lineage_once(job: Job, workspace: Workspace) -> None:
    write_state(job, state(7))
    first = keep_recovered_state(workspace, state(5), job=job, why="older")
    assert first is not None
    newer = keep_recovered_state(workspace, state(6, outputs={"x": {}}), job=job, why="older")
    older = keep_recovered_state(workspace, state(4), job=job, why="older")
    assert newer is not None
    assert older is not None
    assert older.pk == newer.pk
    kept = RecoveredState.objects.get()
    assert (kept.serial, kept.size, kept.why) == (6, len(state(6, outputs={"x": {}})), "older")
    raw = RecoveredState.objects.extra(select={"raw": "content"}).values_list("raw", flat=True).get()
    assert b"serial" not in bytes(raw)


def test_what_is_a_version_already_is_not_kept_beside_it(job: Job, workspace: Workspace) -> None:
    write_state(job, state(5))
    write_state(job, state(6))
    assert keep_recovered_state(workspace, state(5), job=job, why="late") is None
    assert not RecoveredState.objects.exists()


def test_a_job_can_not_fill_the_database(job: Job, workspace: Workspace) -> None:
    for number in range(MAX_PER_JOB):
        keep_recovered_state(workspace, state(1, f"l-{number}"), job=job, why="")
    with pytest.raises(WrongState, match="at most 5 recovered states"):
        keep_recovered_state(workspace, state(1, "one-more"), job=job, why="")
    assert RecoveredState.objects.count() == MAX_PER_JOB


def test_what_was_refused_before_goes_with_a_later_state_that_is_taken(job: Job, workspace: Workspace) -> None:
    StateLock.objects.create(workspace=workspace, lock_id="another's", info={"ID": "another's"})
    keep_recovered_state(workspace, state(1), job=job, why="locked")
    StateLock.objects.all().delete()
    write_state(job, state(2))
    assert not RecoveredState.objects.exists()


def test_an_older_state_that_comes_after_a_newer_one_replaces_nothing(job: Job, workspace: Workspace) -> None:
    write_state(job, state(3))
    with pytest.raises(StateRefused):
        write_state(job, state(2))
    assert numbers(workspace) == [(1, 3)]


def test_a_recovered_state_is_made_current_with_a_serial_above_all(job: Job, workspace: Workspace) -> None:
    write_state(job, state(7))
    recovered = keep_recovered_state(workspace, state(5, outputs={"a": {"value": "é"}}), job=job, why="older")
    assert recovered is not None
    ended(job)
    version = make_recovered_state_current(recovered, by=None, reason=" It is what the apply left ")
    assert (version.number, version.serial, version.lineage, version.job_id) == (2, 8, "l-1", job.pk)
    assert version.content is not None
    assert json.loads(version.content) == json.loads(state(8, outputs={"a": {"value": "é"}}))
    assert not RecoveredState.objects.exists()
    entry = LogEntry.objects.get_for_object(workspace).latest("timestamp")
    assert entry.changes_dict["state"] == [
        "version 1, serial 7",
        "recovered state made current, serial 8: It is what the apply left",
    ]
    # terraform goes on from there.
    again = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    assert write_state(again, state(9)).number == 3


def test_a_recovered_state_of_another_lineage_keeps_what_it_says(job: Job, workspace: Workspace) -> None:
    write_state(job, state(7))
    recovered = keep_recovered_state(workspace, state(2, "l-2"), job=job, why="another")
    assert recovered is not None
    ended(job)
    version = make_recovered_state_current(recovered, by=None, reason="it is")
    assert (version.serial, version.lineage, version.content) == (2, "l-2", state(2, "l-2"))


def test_an_encrypted_state_is_made_current_as_it_is(job: Job, workspace: Workspace) -> None:
    content = json.dumps({"serial": 5, "lineage": "l-1", "encrypted_data": "x", "encryption_version": "v0"}).encode()
    write_state(job, state(7))
    recovered = keep_recovered_state(workspace, content, job=job, why="older")
    assert recovered is not None
    ended(job)
    version = make_recovered_state_current(recovered, by=None, reason="it is")
    assert (version.serial, version.content, version.job_id) == (5, content, None)


def test_a_decision_takes_the_right_a_reason_and_a_workspace_at_rest(job: Job, workspace: Workspace) -> None:
    write_state(job, state(7))
    recovered = keep_recovered_state(workspace, state(5), job=job, why="older")
    assert recovered is not None
    TeamFactory.create(organization=workspace.organization, name="PLANNERS", plan_job=True, manage_workspace=True)
    TeamFactory.create(organization=workspace.organization, name="KEEPERS", manage_state=True)
    planner = get_user_model().objects.create_user("planner")
    planner.groups.add(Group.objects.create(name="PLANNERS"))
    keeper = get_user_model().objects.create_user("keeper")
    keeper.groups.add(Group.objects.create(name="KEEPERS"))
    for act in (make_recovered_state_current, discard_recovered_state):
        with pytest.raises(NotAllowed, match="manage_state"):
            act(recovered, by=planner, reason="mine")
        with pytest.raises(InvalidInput, match="Give a reason"):
            act(recovered, by=keeper, reason="  ")
    with pytest.raises(WrongState, match="has not ended"):
        make_recovered_state_current(recovered, by=keeper, reason="mine")
    ended(job)
    lock = StateLock.objects.create(workspace=workspace, lock_id="x", info={"ID": "x"})
    with pytest.raises(WrongState, match="locked"):
        make_recovered_state_current(recovered, by=keeper, reason="mine")
    lock.delete()
    Workspace.objects.filter(pk=workspace.pk).update(locked=True)
    with pytest.raises(WrongState, match="locked"):
        make_recovered_state_current(recovered, by=keeper, reason="mine")
    Workspace.objects.filter(pk=workspace.pk).update(locked=False)
    assert make_recovered_state_current(recovered, by=keeper, reason="mine").created_by == "keeper"
    with pytest.raises(WrongState, match="is gone"):
        make_recovered_state_current(recovered, by=keeper, reason="mine")


def test_a_discarded_state_is_gone_and_told(job: Job, workspace: Workspace) -> None:
    recovered = keep_recovered_state(workspace, state(5), job=job, why="older")
    assert recovered is not None
    discard_recovered_state(recovered, by=None, reason="nothing was made")
    assert not RecoveredState.objects.exists()
    entry = LogEntry.objects.get_for_object(workspace).latest("timestamp")
    assert entry.changes_dict["recovered state"] == ["recovered, serial 5", "discarded: nothing was made"]


def test_serial_and_lineage_are_read_of_tofus_encrypted_states_too() -> None:
    found = read_state(b'{"serial": 0, "lineage": "a\\u0000b", "encrypted_data": ""}')
    assert (found.serial, found.lineage) == (0, "ab")


def test_a_job_that_has_not_started_is_in_nobodys_way_once_it_is_cancelled(job: Job, workspace: Workspace) -> None:
    recovered = keep_recovered_state(workspace, state(1), job=job, why="older")
    assert recovered is not None
    transitions.advance(job.pk)
    jobs.cancel_job(job, by=None)
    ended(job)
    assert make_recovered_state_current(recovered, by=None, reason="first").number == 1
