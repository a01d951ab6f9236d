"""Many terminals that wait at one web process: what each request takes, and what all of them cost.

They wait for a run whose turn has not come, for a log in which nothing comes, or for one that grows. No pod is
needed: the attempts are opened here, and wait for a node or are claimed.
"""

from __future__ import annotations

import http.client
import json
import random
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure, median, percentile
from bench.processes import cpu_seconds, tree
from bench.seed import Records
from executors.attempts import lifecycle
from executors.choices import EventKind, ExecutorKind
from executors.logs import store
from executors.models import Attempt
from tests.tfe.authority import HOST
from workspaces.choices import Via
from workspaces.jobs import transitions
from workspaces.models import Job, Template, Workspace
from workspaces.reasons import reason
from workspaces.services.jobs import create_job

_PATH = "/remote/tfe/v2"
_LOG_SECONDS = 2.0
"""Between two reads of a log in which nothing comes: what go-tfe's wait grows to."""
_FIRST_LOG_SECONDS = 0.5
"""Between the first two of them."""
_READS = 10
"""Reads of a log in which nothing comes, after which go-tfe asks for the plan's status."""
_RUN_SECONDS = 3.0
"""Between two looks at a run that is pending: what terraform's wait grows to."""
_QUEUE_SECONDS = 30.0
"""Between two looks at what is before a pending run."""
_LINE_SECONDS = 1.0
_LINE = b"terraform_data.example: Still creating... [00m10s elapsed]\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """The web process that terminals wait at."""

    pid: int
    port: int
    bundle: Path


class _Terminal(threading.Thread):
    """A terminal that waits for a job from one moment to another, by the monotonic clock."""

    def __init__(self, web: Web, token: str, job: Job, start: float, end: float) -> None:
        super().__init__(daemon=True)
        context = ssl.create_default_context(cafile=str(web.bundle))
        self._connection = http.client.HTTPSConnection(HOST, web.port, timeout=60, context=context)
        self._token, self._start = token, start
        self.job, self.end = job, end
        self.taken: list[float] = []
        self.wrong: list[int] = []

    def run(self) -> None:
        time.sleep(max(0.0, self._start - time.monotonic()))
        self.wait()

    def wait(self) -> None:
        raise NotImplementedError

    def ask(self, path: str) -> bytes:
        begin = time.perf_counter()
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}"})
        answer = self._connection.getresponse()
        body = answer.read()
        self.taken.append(time.perf_counter() - begin)
        if answer.status >= 300:
            self.wrong.append(answer.status)
        return body


class _AtLog(_Terminal):
    """Reads the log of a plan as go-tfe does; ``patience`` is how often nothing came before."""

    patience = 0

    def wait(self) -> None:
        plan = f"{_PATH}/plans/plan-{self.job.pk}"
        log = json.loads(self.ask(plan))["data"]["attributes"]["log-read-url"]
        path = log.partition(str(self._connection.port))[2]
        offset, empty = 0, self.patience
        while time.monotonic() < self.end:
            begin = time.monotonic()
            if piece := self.ask(f"{path}?limit=65536&offset={offset}"):
                offset += len(piece)
                empty = self.patience
                continue
            empty += 1
            if empty % _READS == 0:
                self.ask(plan)
            pause = min(_LOG_SECONDS, _FIRST_LOG_SECONDS * 2 ** (empty / 5))
            time.sleep(max(0.0, begin + pause - time.monotonic()))


class _AtSilentLog(_AtLog):
    patience = 20


class _AtPendingRun(_Terminal):
    """Waits for a run as terraform does, and has done so for a while."""

    def wait(self) -> None:
        organization = f"{_PATH}/organizations/{self.job.organization.name}"
        beside = f"{_PATH}/workspaces/{self.job.workspace_id}", f"{organization}/runs/queue", f"{organization}/capacity"
        looked = time.monotonic() - _QUEUE_SECONDS * random.random()  # noqa: S311 - spreads the looks, no secret
        while time.monotonic() < self.end:
            begin = time.monotonic()
            self.ask(f"{_PATH}/runs/run-{self.job.pk}?include=task_stages")
            if begin - looked > _QUEUE_SECONDS:
                looked = begin
                for path in beside:
                    self.ask(path)
            time.sleep(max(0.0, begin + _RUN_SECONDS - time.monotonic()))


def waiting_terminals(web: Web, records: Records, terminals: int, seconds: float) -> Iterator[Figure]:
    """Let terminals wait for jobs, several for each. Raises RuntimeError for a wrong answer."""
    template = Template.objects.get(pk=records.template)
    workspaces = Workspace.objects.filter(pk__in=records.waiting)
    jobs = [create_job(workspace, by=None, template=template, via=Via.CLI) for workspace in workspaces]
    wait = _Waiting(web, records.token, jobs, terminals, seconds)
    yield from wait.figures(_AtPendingRun, "whose run is pending")
    attempts = [_attempt_that_waits(job) for job in jobs]
    yield from wait.figures(_AtSilentLog, "whose log is silent")
    for attempt in attempts:
        lifecycle.claim_attempt(attempt, "bench")
    with _lines_for(attempts):
        yield from wait.figures(_AtLog, f"whose log has a line each {_LINE_SECONDS:.0f} s")


def _attempt_that_waits(job: Job) -> Attempt:
    """Open the first attempt of a job, as if its pod waited for a node."""
    step = transitions.advance(job.pk)
    attempt = None if step is None else lifecycle.open_attempt(step, executor=ExecutorKind.KUBERNETES)
    if attempt is None:
        raise RuntimeError(f"job {job.pk} did not begin")
    lifecycle.mark_launched(attempt, host="")
    lifecycle.record_event(attempt, EventKind.WAITING, reason("scheduling"))
    return attempt


class _lines_for:
    """Write a line into each log every second for as long as the block runs."""

    def __init__(self, attempts: list[Attempt]) -> None:
        self._attempts, self._over = attempts, threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _write(self) -> None:
        offset = 0
        pause = _LINE_SECONDS / len(self._attempts)
        while True:
            for attempt in self._attempts:
                if self._over.wait(pause):
                    return
                store.append_log(attempt, offset, _LINE)
            offset += len(_LINE)


@dataclass(frozen=True, slots=True)
class _Waiting:
    web: Web
    token: str
    jobs: list[Job]
    terminals: int
    seconds: float

    def figures(self, kind: type[_Terminal], what: str) -> Iterator[Figure]:
        begin = time.monotonic() + 1
        waiting = [
            # Spread over the time between two looks, as people are.
            kind(
                self.web,
                self.token,
                self.jobs[number % len(self.jobs)],
                begin + _RUN_SECONDS * number / self.terminals,
                begin + self.seconds,
            )
            for number in range(self.terminals)
        ]
        before = cpu_seconds(tree(self.web.pid))
        for one in waiting:
            one.start()
        for one in waiting:
            one.join()
        used = cpu_seconds(tree(self.web.pid)) - before
        taken = [took for one in waiting for took in one.taken]
        if wrong := {status for one in waiting for status in one.wrong}:
            raise RuntimeError(f"waiting terminals, {what}, were answered {wrong}")
        name = f"{self.terminals} terminals for {len(self.jobs)} jobs, {what}: an answer, p50 of {len(taken)}"
        yield Figure(measure=3, name=name, value=median(taken) * 1000, unit="ms", aim=200)
        yield Figure(measure=3, name="p95 of them", value=percentile(taken, 0.95) * 1000, unit="ms")
        yield Figure(measure=3, name="answers in a second", value=len(taken) / self.seconds, unit="/s")
        yield Figure(measure=3, name="processor time for one", value=used / len(taken) * 1000, unit="ms")
