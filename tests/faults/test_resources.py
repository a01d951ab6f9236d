"""Steps that use more than they may: memory in a plan and in an apply, and disk."""

from __future__ import annotations

import json

from tests.faults.marks import FAULT
from tests.faults.trial import Trial
from tests.spine.site import story
from workspaces.choices import JobStatus

pytestmark = FAULT

MEMORY = {"EPHEMERAL_MEMORY_LIMIT": "128Mi"}
DISK = {"EPHEMERAL_STORAGE_LIMIT": "64Mi"}
# bash holds in memory what it reads.
HUNGRY = "hungry=$(head -c 400M /dev/zero | tr '\\0' x); echo $hungry | wc -c"
# Each local is sixteen times the one before; the last one would be 256 MiB.
HUNGRY_PLAN = 'locals {\n  s0 = "0123456789abcdef"\n'
HUNGRY_PLAN += "".join(f'  s{n + 1} = "{16 * f"${{local.s{n}}}"}"\n' for n in range(6))
HUNGRY_PLAN += '}\noutput "big" {\n  value = length(local.s6)\n}\n'


def test_a_plan_above_its_memory_limit_is_told_its_limit(trial: Trial) -> None:
    ring = {"runtime": "BASH", "priority": 1, "before": True, "script": trial.bell.script("$jobId")}
    plan = {"flow": [{"type": "terraformPlan", "name": "Plan", "step": 100, "commands": [ring]}]}
    job = trial.site.job(trial.site.workspace({"main.tf": HUNGRY_PLAN}, environment=MEMORY), json.dumps(plan))
    trial.await_rung(job)
    trial.fault()
    sentence = trial.ended(job, "oom-killed")
    assert "limit of 128" in sentence, story(job)
    trial.assert_sound(job, status=JobStatus.FAILED, code="oom-killed")


def test_an_apply_above_its_memory_limit_is_told_its_limit_and_leaves_the_workspace_free(trial: Trial) -> None:
    job = trial.apply_job(HUNGRY, environment=MEMORY)
    trial.await_rung(job)
    trial.fault()
    sentence = trial.ended(job, "oom-killed")
    assert "limit of 128" in sentence, story(job)
    trial.assert_sound(job, status=JobStatus.FAILED, code="oom-killed")


def test_a_step_above_its_disk_limit_is_told_its_limit(trial: Trial) -> None:
    job = trial.job("head -c 200M /dev/zero > /tmp/big; sleep 100", environment=DISK)
    trial.await_rung(job)
    trial.fault()
    trial.ended(job, "evicted", seconds=120)
    trial.assert_sound(job, status=JobStatus.FAILED, code="evicted")
