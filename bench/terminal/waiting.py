"""Many terminals that wait at one web process: what each poll takes, and what all of them cost."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, median, percentile
from bench.processes import cpu_seconds, tree
from bench.seed import Records
from tests.tfe.authority import HOST
from workspaces.choices import Via
from workspaces.models import Template, Workspace
from workspaces.services.jobs import create_job

_LOG_SECONDS = 2.0
"""Between two reads of a log in which nothing comes: what go-tfe's wait grows to."""
_READS = 10
"""Reads of a log after which go-tfe asks for the plan's status."""


class _Waiting(threading.Thread):
    """A terminal that waits for the log of its plan, as go-tfe reads it."""

    def __init__(self, port: int, context: ssl.SSLContext, token: str, job: int, start: float, end: float) -> None:
        super().__init__(daemon=True)
        self._connection = http.client.HTTPSConnection(HOST, port, timeout=60, context=context)
        self._token, self._job, self._start, self._end = token, job, start, end
        self.taken: list[float] = []
        self.wrong: list[int] = []

    def run(self) -> None:
        time.sleep(max(0.0, self._start - time.monotonic()))
        plan = f"/remote/tfe/v2/plans/plan-{self._job}"
        log = json.loads(self._ask(plan))["data"]["attributes"]["log-read-url"]
        path = log.partition(str(self._connection.port))[2]
        turn = 0
        while time.monotonic() < self._end:
            begin = time.monotonic()
            self._ask(f"{path}?limit=65536&offset=1")
            turn += 1
            if turn % _READS == 0:
                self._ask(plan)
            time.sleep(max(0.0, begin + _LOG_SECONDS - time.monotonic()))

    def _ask(self, path: str) -> bytes:
        begin = time.perf_counter()
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}"})
        answer = self._connection.getresponse()
        body = answer.read()
        self.taken.append(time.perf_counter() - begin)
        if answer.status >= 300:
            self.wrong.append(answer.status)
        return body


def waiting_terminals(
    port: int, bundle: Path, records: Records, web: int, terminals: int, seconds: float
) -> Iterator[Figure]:
    """Let terminals wait for jobs whose pods never start, several for each. Raises RuntimeError for a wrong answer."""
    template = Template.objects.get(pk=records.template)
    jobs = [
        create_job(Workspace.objects.get(pk=key), by=None, template=template, via=Via.CLI).pk for key in records.waiting
    ]
    context = ssl.create_default_context(cafile=str(bundle))
    begin = time.monotonic() + 1
    waiting = [
        # Spread over the time between two reads, as people are.
        _Waiting(
            port,
            context,
            records.token,
            jobs[number % len(jobs)],
            begin + _LOG_SECONDS * number / terminals,
            begin + seconds,
        )
        for number in range(terminals)
    ]
    before = cpu_seconds(tree(web))
    for one in waiting:
        one.start()
    for one in waiting:
        one.join()
    used = cpu_seconds(tree(web)) - before
    taken = [took for one in waiting for took in one.taken]
    if wrong := {status for one in waiting for status in one.wrong}:
        raise RuntimeError(f"waiting terminals were answered {wrong}")
    name = f"{terminals} terminals waiting for {len(jobs)} jobs at one web process: an answer, p50 of {len(taken)}"
    yield Figure(measure=3, name=name, value=median(taken) * 1000, unit="ms")
    yield Figure(measure=3, name="p95 of them", value=percentile(taken, 0.95) * 1000, unit="ms")
    yield Figure(measure=3, name="answers in a second", value=len(taken) / seconds, unit="/s")
    yield Figure(measure=3, name="CPU of the web process in a second", value=used / seconds, unit="s")
