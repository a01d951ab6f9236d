"""What an executor says is kept whatever it holds."""

from __future__ import annotations

import pytest

from executors import attempts
from executors.choices import AttemptOutcome, ExecutorKind
from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from workspaces import transitions
from workspaces.models import Step
from workspaces.services.jobs import create_job


@pytest.mark.django_db
def test_a_reason_with_a_nul_is_kept_without_it() -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_AND_APPLY)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = attempts.open_attempt(step_id, executor=ExecutorKind.LOCAL)
    assert attempt is not None
    attempts.mark_launched(attempt, host="here")
    attempts.claim(attempt, "s" * 43)
    attempts.heartbeat(attempt, phase="pl\0an")
    assert attempts.report(attempt, attempts.Report(outcome=AttemptOutcome.FAILED, reason="no\0thing"))
    assert Step.objects.get(pk=step_id).reason == "no\N{REPLACEMENT CHARACTER}thing"
