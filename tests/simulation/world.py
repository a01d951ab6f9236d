"""One history: people start, approve and cancel jobs, everything goes wrong for a while, and then it must all end."""

from __future__ import annotations

import base64
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock
from uuid import UUID

from django.db import connections, transaction

from executors import cluster
from executors.cluster import Manifest
from executors.contract.job_data import DATA_VARIABLE, decode
from executors.installation.settings import Installation
from executors.invariants import Moment
from executors.invariants.checking import INVARIANTS
from executors.launching import kubernetes_job
from executors.models import Attempt
from executors.reporting import views
from executors.warm import records
from executors.watching.site_probe import SiteProbe
from tests.simulation import clock as clocks
from tests.simulation import database
from tests.simulation.choices import Choices
from tests.simulation.cluster import Program, SimulatedApi, SimulatedCluster, attempt_of
from tests.simulation.executor import Executor, Network
from tests.simulation.history import Event, Kind, check_history
from tests.simulation.schedule import Crash, Schedule
from tests.simulation.site import Queue, Watchers
from tests.simulation.weather import Weather
from workspaces import flows
from workspaces.choices import PLAN_TYPES
from workspaces.errors import ServiceError
from workspaces.jobs.transitions import listeners
from workspaces.models import Job, Workspace
from workspaces.services import jobs
from workspaces.task_queue import client

_UNFINISHED = """
    SELECT EXISTS (SELECT 1 FROM workspaces_job WHERE holds_workspace OR status NOT IN
        ('completed', 'noChanges', 'notExecuted', 'failed', 'rejected', 'cancelled'))
    OR EXISTS (SELECT 1 FROM executors_attempt WHERE state <> 'ended' OR cleaned_at IS NULL)
    OR EXISTS (SELECT 1 FROM executors_warmpod)
"""
STORM_SECONDS = 150.0
"""For which things go wrong."""
END_SECONDS = 1500.0
"""At which everything must long have ended: the longest deadline of the settings, several times."""
FLOWS = (
    "flow:\n  - {type: terraformApply, name: Apply, step: 100}\n",
    "flow:\n  - {type: terraformPlan, name: Plan, step: 100}\n  - {type: terraformApply, name: Apply, step: 200}\n",
    "flow:\n  - {type: terraformPlan, name: Plan, step: 100}\n  - {type: approval, name: Approval, step: 150}\n"
    "  - {type: terraformApply, name: Apply, step: 200}\n",
    "flow:\n  - {type: terraformPlan, name: Plan, step: 100}\n",
)
WARM_PODS = 2
_SEVENTHS_WITH_WARM_PODS = (1, 6)
_OF_ATTEMPT = """
    SELECT job.id, step.id, step.type, job.plan_only, job.workspace_id FROM executors_attempt attempt
    JOIN workspaces_step step ON step.id = attempt.step_id JOIN workspaces_job job ON job.id = step.job_id
    WHERE attempt.id = ?
"""
_ANSWER = {
    "jobData": {
        "type": "terraformApply",
        "organizationId": "",
        "workspaceId": "",
        "jobId": "1",
        "stepId": "",
        "terraformVersion": "1.11.4",
    }
}
"""What the claim hands over is not simulated, only that it does."""


def _answer(attempt: Attempt) -> Mapping[str, Any]:
    return _ANSWER


def _is_there(probe: SiteProbe, address: str) -> bool:
    return True


@contextmanager
def _with_warm_pods(conf: Installation, number: int) -> Iterator[None]:
    """Let the one installation of this process have so many."""
    object.__setattr__(conf, "warm_pods", number)
    try:
        yield
    finally:
        object.__setattr__(conf, "warm_pods", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a history went. ``choices`` repeat it; ``lines`` tell it."""

    violations: tuple[str, ...]
    choices: Mapping[str, int]
    lines: tuple[str, ...]
    simulated_seconds: float


class World:
    """A history in the making; the database must hold nothing of another one."""

    def __init__(
        self, seed: int, workspaces: list[Workspace], conf: Installation, fixed: Mapping[str, int] | None = None
    ) -> None:
        # They cost a fifth of a history; the checker of what is seen from outside judges each.
        self.checks_records = fixed is not None or seed % 4 == 0
        self.conf = conf
        self.workspaces = workspaces
        self.choices = Choices(seed, fixed)
        self.has_warm_pods = self.choices.settled("warm pods", seed % 7 in _SEVENTHS_WITH_WARM_PODS)
        self.clock = clocks.Clock()
        self.weather = Weather(self.choices)
        self.events: list[Event] = []
        self.lines: list[str] = []
        self.schedule = Schedule(self.weather, self.clock, self._tell)
        self.queue = Queue(self.schedule, self.weather, self._tell, self._wrong)
        self.network = Network(schedule=self.schedule, weather=self.weather, story=self._tell, failed=self._wrong)
        self.cluster = SimulatedCluster(
            schedule=self.schedule,
            weather=self.weather,
            namespace=conf.namespace,
            starter=self._start_program,
            story=self._tell,
            ttl_seconds=conf.ttl_seconds,
        )
        self.api = SimulatedApi(self.cluster, lambda: connections["default"].in_atomic_block, self._wrong)
        self.watchers = Watchers(self.schedule, self.weather, self.cluster, conf, lambda: self.api, self._wrong)
        self._people = 0
        self._statuses: dict[tuple[str, object], str] = {}
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, no secret

    # ---- what is seen -----------------------------------------------------------------------------------------------

    def _tell(self, line: str) -> None:
        self.lines.append(f"{self.clock.seconds:8.2f} s   ({line})")

    def _see(self, event: Event) -> None:
        self.events.append(event)
        self.lines.append(str(event))

    def _wrong(self, sentence: str) -> None:
        self._see(Event(at=self.clock.seconds, kind=Kind.WRONG, status=sentence))

    def _look(self) -> None:
        """See every new status, as somebody would who asks all the time."""
        raw = connections["default"].connection
        for pk, status in raw.execute("SELECT id, status FROM workspaces_job").fetchall():
            if self._statuses.get(("job", pk)) != status:
                self._statuses["job", pk] = status
                self._see(Event(at=self.clock.seconds, kind=Kind.JOB, job=pk, status=status))
                if status == "waitingApproval":
                    self._person(1.0, "approves", lambda pk=pk: self._approve(pk))  # type: ignore[misc]
        for pk, job, status in raw.execute("SELECT id, job_id, status FROM workspaces_step").fetchall():
            if self._statuses.get(("step", pk)) != status:
                self._statuses["step", pk] = status
                self._see(Event(at=self.clock.seconds, kind=Kind.STEP, step=pk, job=job, status=status))

    # ---- people -----------------------------------------------------------------------------------------------------

    def _person(self, after: float, name: str, act: Callable[[], None]) -> None:
        self._people += 1

        def body() -> None:
            try:
                act()
            except ServiceError as error:
                self._tell(f"a person {name}: {error}")
            except Exception as error:
                self._wrong(f"a person {name}: {type(error).__name__}: {error}")
            finally:
                self._people -= 1

        self.schedule.start(f"web, where a person {name}", body, after=after)

    def _approve(self, pk: int) -> None:
        try:
            jobs.approve_job(Job.objects.select_related("workspace", "organization").get(pk=pk), by=None)
        except Crash:
            # They see an error, and do it again.
            self._person(5.0, "approves", lambda: self._approve(pk))
            raise

    def _create(self, workspace: Workspace, flow: str, cancel: float | None, force: bool) -> None:
        with transaction.atomic():
            # As the service does after its checks, which are no part of the job's life.
            job = Job.objects.create(
                organization=workspace.organization,
                workspace=workspace,
                tcl=flow,
                plan_only=flows.is_plan_only(flows.parse(flow)),
            )
            client.enqueue("executors.tasks.advance_job", job.pk)
        if cancel is not None:
            self._person(cancel, "cancels", lambda: self._cancel(job.pk, force))

    @staticmethod
    def _cancel(pk: int, force: bool) -> None:
        job = Job.objects.select_related("workspace", "organization").get(pk=pk)
        (jobs.force_cancel if force else jobs.cancel_job)(job, by=None)

    def _plan(self) -> None:
        pick = self.choices.pick
        # One more where warm pods are, which only the second step of a kind can have.
        for _ in range((1, 1, 1, 2, 2, 2, 3)[pick("jobs", 7)] + self.has_warm_pods):
            workspace = self.workspaces[(0, 0, 1)[pick("workspace", 3)]]
            flow = FLOWS[pick("flow", len(FLOWS))]
            begin = (0.0, 0.5, 6.0, 40.0)[pick("begin", 4)]
            cancel = (None, None, 0.1, 1.5, 4.0, 15.0, 50.0)[pick("cancel", 7)]
            force = bool(pick("force", 2))
            self._person(
                begin,
                "starts a job",
                lambda workspace=workspace, flow=flow, cancel=cancel, force=force: self._create(  # type: ignore[misc]
                    workspace, flow, cancel, force
                ),
            )

    # ---- executors --------------------------------------------------------------------------------------------------

    def _start_program(self, job: Manifest, secret: Manifest, pod: str, ended: Callable[[int, str], None]) -> Program:
        payload = decode(base64.b64decode(secret["data"][DATA_VARIABLE]).decode())
        assert payload.attempt_url is not None
        assert payload.attempt_token is not None
        about: dict[str, Any] = {}

        def given(attempt_id: str) -> None:
            row = connections["default"].connection.execute(_OF_ATTEMPT, [UUID(attempt_id).hex]).fetchone()
            number, step, type_of_step, plan_only, workspace = row
            again = type_of_step in PLAN_TYPES and workspace == self.workspaces[1].pk.hex
            about.update(job=number, step=step, workspace=workspace, attempt=attempt_id)
            about.update(alone=not plan_only, again=again)

        def seen(what: Kind, status: str = "") -> None:
            self._see(Event(at=self.clock.seconds, kind=what, executor=pod, status=status, **about))

        if not payload.warm:
            given(attempt_of(job))

        executor = Executor(
            schedule=self.schedule,
            weather=self.weather,
            network=self.network,
            name=f"executor {pod}",
            pod=pod,
            url=payload.attempt_url,
            token=payload.attempt_token,
            work_seconds=(4.0, 1.0, 14.0, 45.0)[self.choices.pick("work", 4)],
            stop_seconds=(2.0, 9.0, 15.0)[self.choices.pick("stop", 3)],
            succeeds=self.choices.pick("fails", 8) < 7,
            seen=seen,
            ended=ended,
            warm=payload.warm,
            given=given,
        )
        executor.start()
        return Program(executor.interrupt, executor.kill)

    # ---- the whole --------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Let it happen, and judge it."""
        with self._in_force():
            self._plan()
            self.watchers.start()
            self.schedule.at(STORM_SECONDS, self._calm_down)
            ended = self.schedule.run(until=self._at_rest, limit=END_SECONDS)
            self._look()
            if not ended:
                self._wrong(f"after {self.clock.seconds:.0f} s it has not ended: {self._unfinished()}")
            if self.checks_records:
                self._check_records()
            self.schedule.end()
        return Outcome(
            violations=tuple(check_history(self.events)),
            choices=self.choices.made,
            lines=tuple(self.lines),
            simulated_seconds=self.clock.seconds,
        )

    def _calm_down(self) -> None:
        self.weather.calm = True

    def _at_rest(self) -> bool:
        if self._people or self.queue.waiting or self.network.open or not self.cluster.at_rest:
            return False
        found = connections["default"].connection.execute(_UNFINISHED)
        return not found.fetchone()[0]

    def _unfinished(self) -> str:
        raw = connections["default"].connection
        rows = raw.execute("SELECT id, status, holds_workspace, reason FROM workspaces_job").fetchall()
        attempts = raw.execute(
            "SELECT job_name, state, outcome, claimed_at, cleaned_at FROM executors_attempt WHERE state <> 'ended'"
            " OR cleaned_at IS NULL"
        ).fetchall()
        pods = [pod.body["metadata"]["name"] for pod in self.cluster.pods.values() if not pod.over]
        return f"jobs {rows}, attempts {attempts}, pods {pods}, tasks {self.queue.waiting}"

    def _check_records(self) -> None:
        moment = Moment(now=self.clock.now(), conf=self.conf)
        for invariant in INVARIANTS:
            for violation in invariant.find(moment):
                self._wrong(f"{invariant.name}: {violation.row}: {violation.detail}")

    def _connect(self) -> SimulatedApi:
        return self.api

    @contextmanager
    def _in_force(self) -> Iterator[None]:
        with ExitStack() as stack:
            enter = stack.enter_context
            enter(clocks.in_force(self.clock, self.schedule.sleep))
            enter(database.watched(self.schedule.point, self._look))
            enter(mock.patch.object(os, "urandom", self._random.randbytes))
            enter(mock.patch.object(database, "random_number", self._random.random))
            enter(mock.patch.object(client, "async_task", self.queue.put))
            enter(mock.patch.object(cluster, "connect", self._connect))
            enter(mock.patch.object(views, "claim_answer", _answer))
            # Whom a job's moves are told is not simulated.
            enter(mock.patch.object(listeners, "_listeners", []))
            enter(mock.patch.object(records, "notify", self.network.notify))
            enter(_with_warm_pods(self.conf, WARM_PODS if self.has_warm_pods else 0))
            enter(mock.patch.object(SiteProbe, "_ask", _is_there))
            kubernetes_job._may_create_secrets.clear()
            yield
