"""A log of a million lines, and a plan of 20 MiB."""

from __future__ import annotations

import base64
import os

import pytest

from executors.choices import EventKind
from executors.models import AttemptEvent
from tests.faults.marks import FAULT
from tests.faults.trial import PLAN_AND_APPLY, Trial
from tests.support.patience import patient
from workspaces.models import SavedPlan, StateVersion

pytestmark = [*FAULT, pytest.mark.timeout(patient(600), method="signal")]

LINES = 1_000_000
PLAN_BYTES = 20 * 2**20
RANDOM = 'resource "terraform_data" "big" {\n  input = file("${path.module}/random.txt")\n}\n'


def test_a_million_lines_are_all_there_in_their_order(trial: Trial) -> None:
    trial.fault()
    job = trial.job(marks=LINES)
    trial.assert_sound(job, marks=LINES, seconds=150)
    events = AttemptEvent.objects.filter(attempt__step__job=job)
    claimed, result = (events.get(kind=kind).at for kind in (EventKind.CLAIMED, EventKind.RESULT))
    trial.clock.seconds["from claim to result"] = round((result - claimed).total_seconds(), 1)


def test_a_plan_of_20_mib_is_kept_and_applied(trial: Trial) -> None:
    # base64 of what no archive makes smaller than the bytes themselves.
    text = base64.b64encode(os.urandom(PLAN_BYTES)).decode()
    trial.fault()
    job = trial.site.job(trial.site.workspace({"main.tf": RANDOM, "random.txt": text}), PLAN_AND_APPLY)
    trial.assert_sound(job, starts=0, seconds=400)
    trial.clock.stop("ended")
    plan = SavedPlan.objects.get(step__job=job, step__step_number=100)
    assert plan.content is not None
    assert len(plan.content) >= PLAN_BYTES
    state = StateVersion.objects.filter(job=job).latest("number")
    assert state.content is not None
    assert text.encode() in bytes(state.content)
