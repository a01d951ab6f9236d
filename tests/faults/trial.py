"""One fault that is tried: the jobs that meet it, what is seen of it and how soon, and what must hold in the end."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from executors.attempts.reported_result import STOPPED
from executors.choices import AttemptState
from executors.models import Attempt
from executors.watching.late_reasons import LEARN_SECONDS
from tests.faults.measures import Clock
from tests.faults.pool import Pool
from tests.faults.sound import Expected, assert_sound, last_step
from tests.spine.bell import Bell
from tests.spine.cluster import Cluster
from tests.spine.site import Site, story
from tests.spine.waiting import await_that
from tests.support.patience import pause
from workspaces.choices import JobStatus
from workspaces.models import Job, Workspace

MARKS = 20
DEFAULT_PATIENCE = {"ExecutorHeartbeatSeconds": "", "ExecutorOutageSeconds": "", "ExecutorLostAfterSeconds": ""}
"""For a site whose executors bridge an outage as they do by default; other tests' sites are less patient."""
PLAN_AND_APPLY = """
flow:
  - {type: terraformPlan, name: Plan, step: 100}
  - {type: terraformApply, name: Apply, step: 200}
"""
APPLY = "flow:\n  - {type: terraformApply, name: Apply, step: 100}\n"


def flow(script: str) -> str:
    """A flow of one step that runs a script."""
    command = {"runtime": "BASH", "priority": 1, "script": script}
    return json.dumps({"flow": [{"type": "customScripts", "name": "Script", "step": 100, "commands": [command]}]})


def resource(command: str, *, name: str = "slow") -> str:
    """A resource whose creation runs a command, which takes its time as it likes."""
    provisioner = f'command = {json.dumps(command)}\n    interpreter = ["/bin/bash", "-c"]'
    return f'resource "terraform_data" "{name}" {{\n  provisioner "local-exec" {{\n    {provisioner}\n  }}\n}}\n'


def numbered(count: int, *, pause: float = 0) -> str:
    """Bash that writes numbered lines, with so many seconds between them."""
    return f"for n in $(seq {count}); do echo mark $n; sleep {pause}; done" if pause else f"seq -f 'mark %.0f' {count}"


class Trial:
    """What a test of one fault has at hand."""

    def __init__(self, site: Site, cluster: Cluster, bell: Bell, clock: Clock) -> None:
        self.site, self.cluster, self.bell, self.clock = site, cluster, bell, clock
        self._rings: dict[int, str] = {}
        self.pool: Pool | None = None
        """The warm pods that are to wait for its first job; None where no pool is asked for."""

    # ---- jobs ----------------------------------------------------------------------------------------------------

    def job(self, then: str = "true", *, pause: float = 0, marks: int = MARKS, **workspace: Any) -> Job:
        """A job of a workspace of its own: its script rings once, writes its marks, and does something more."""
        script = f"{self.bell.script('$jobId')} || exit 1\n{numbered(marks, pause=pause)}\n{then}"
        return self.site.job(self.site.workspace(**workspace), flow(script))

    def apply_job(self, command: str = "", *, flow: str = APPLY, seconds: int = 60, **workspace: Any) -> Job:
        """A job that applies a resource: its creation rings and then takes so many seconds, or runs a command."""
        # terraform's environment does not hold the job's number.
        ring = f"apply-{uuid4().hex[:10]}"
        made = resource(f"{self.bell.script(ring)} || exit 1; {command or f'sleep {seconds}'}")
        job = self.site.job(self.site.workspace({"main.tf": made}, **workspace), flow)
        self._rings[job.pk] = ring
        return job

    def ring_of(self, job: Job) -> str:
        """What a job's commands ring."""
        return self._rings.get(job.pk, str(job.pk))

    def await_rung(self, job: Job, seconds: float = 90) -> None:
        """Wait until a job's commands have rung; a job that is over before that fails the test at once."""
        ring = self.ring_of(job)

        def rung() -> bool:
            # First, as commands ring before their job is over.
            over = Job.objects.get(pk=job.pk).is_final
            if not self.bell.count(ring) and over:
                pytest.fail(f"{ring!r} never rings\n{story(job)}")
            return self.bell.count(ring) > 0

        await_that(rung, f"{ring!r} rings", seconds)

    def attempt(self, job: Job, seconds: float = 20) -> Attempt:
        """The newest attempt of a job, as soon as there is one."""
        newest = Attempt.objects.filter(step__job=job).order_by("-created_at")
        return await_that(newest.first, f"job {job.pk} has an attempt", seconds)

    def await_launched(self, job: Job) -> Attempt:
        """The attempt of a job as soon as its Kubernetes Job is known to be made; a warm pod may have claimed it."""
        found = Attempt.objects.filter(step__job=job, launched_at__isnull=False).exclude(state=AttemptState.ENDED)
        return await_that(found.first, f"job {job.pk} is launched", 20)

    def await_phase(self, job: Job, phase: str) -> Attempt:
        found = Attempt.objects.filter(step__job=job, state=AttemptState.CLAIMED, phase=phase)
        return await_that(found.first, f"job {job.pk} is in phase {phase}", 30)

    # ---- what is seen --------------------------------------------------------------------------------------------

    def fault(self) -> None:
        """From now on the seconds count."""
        self.clock.start()

    def told(self, job: Job, *words: str, seconds: float = 90, what: str = "sentence") -> str:
        """Wait until a job says what it waits for, or why it failed, in these words; returns the sentence."""

        def said() -> str:
            job.refresh_from_db()
            step = job.steps.filter(attempts__isnull=False).order_by("-step_number").first()
            for text in (job.reason, step.reason if step is not None else ""):
                if all(word in text for word in words):
                    return text
            if job.is_final:
                pytest.fail(f"it does not say {words}\n{story(job)}")
            return ""

        try:
            return await_that(said, f"it says {words}", seconds)
        except pytest.fail.Exception:
            pytest.fail(f"after {seconds:.0f} s it does not say {words}\n{story(job)}")
        finally:
            self.clock.stop(what)

    def told_of(self, job: Job, code: str, *, seconds: float = 60) -> None:
        """Wait until a job waits with a reason code."""

        def waits() -> bool:
            job.refresh_from_db()
            return bool(job.reason_code == code)

        await_that(waits, f"job {job.pk} waits for {code}", seconds)
        self.clock.stop("sentence")

    def ended(self, job: Job, code: str, *, status: JobStatus = JobStatus.FAILED, seconds: float = 90) -> str:
        """Wait until a job has ended with a reason code; returns its step's sentence.

        An executor that was told to stop may say so before the watcher sees why; a pass later its reason is the better
        one.
        """
        self.site.await_status(job, status, seconds=seconds)
        began = time.monotonic()
        while last_step(job).reason_code == STOPPED and (waited := time.monotonic() - began) < LEARN_SECONDS:
            time.sleep(pause(waited))
        self.clock.stop("sentence")
        step = last_step(job)
        assert step.reason_code == code, story(job)
        job.refresh_from_db()
        return str(step.reason)

    def assert_sound(self, job: Job, **expected: Any) -> None:
        assert_sound(self.site, self.cluster, self.bell, job, Expected(ring=self.ring_of(job), **expected))

    def assert_next_job_runs(self, workspace: Workspace, files: Mapping[str, str] | None = None) -> None:
        """The workspace takes its next job, which plans with the state's lock."""
        following = self.site.job(workspace, PLAN_AND_APPLY.replace("terraformApply", "terraformDestroy"))
        self.site.await_status(following, JobStatus.COMPLETED)
