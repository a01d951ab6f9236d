"""What an executor says is kept whatever it holds."""

from __future__ import annotations

import pytest

from executors.attempts import lifecycle
from executors.choices import AttemptOutcome, ExecutorKind
from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from workspaces.jobs import transitions
from workspaces.models import Step
from workspaces.reasons import told
from workspaces.services.jobs import create_job


@pytest.mark.django_db
def test_a_reason_with_a_nul_is_kept_without_it() -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_AND_APPLY)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.LOCAL)
    assert attempt is not None
    lifecycle.mark_launched(attempt, host="here")
    lifecycle.claim_attempt(attempt, "s" * 43)
    lifecycle.record_heartbeat(attempt, phase="pl\0an")
    assert lifecycle.report_result(attempt, lifecycle.Report(outcome=AttemptOutcome.FAILED, why=told("", "no\0thing")))
    assert Step.objects.get(pk=step_id).reason == "no\N{REPLACEMENT CHARACTER}thing"
