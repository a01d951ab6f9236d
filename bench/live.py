"""A log of 300,000 lines opened at its end, and 200 who watch a running step, on one web process."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.utils import timezone

from bench.dataset import ADMIN, MEMBER, Dataset
from bench.figures import Figure, percentile
from bench.lists import Client, Request, cpu_ms, web
from executors.choices import AttemptState, ExecutorKind
from executors.logs.store import append_log
from executors.models import Attempt, LogChunk
from workspaces import models as records
from workspaces.choices import JobStatus, StepType

LOG_MEASURE, VIEWERS_MEASURE = 8, 9
LINES, VIEWERS = 300_000, 200
_LOG_AIM_MS, _LATE_AIM_MS, _RATIO = 1000.0, 1000.0, 1.5
_TAIL = 2 * 2**20
"""What the page asks for first of a long log; ``TAIL_BYTES`` of log.js."""
_CHUNK = 2**18
_SIZE = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_UPDATES, _PAUSE_SECONDS = 10, 1.0
_OPENED_AT_ONCE = 8
"""Pages that are opened at a time; the measure is what they cost once they are open."""
_SIZE = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def _attempt(status: str) -> Attempt:
    """Return the attempt of a new job with one step, which runs or ended."""
    workspace = records.Workspace.objects.order_by("name")[0]
    now = timezone.now()
    job = records.Job.objects.create(
        organization=workspace.organization, workspace=workspace, status=status, started_at=now, created_date=now
    )
    step = records.Step.objects.create(job=job, step_number=100, type=StepType.PLAN, status=status, queued_at=now)
    running = status == JobStatus.RUNNING
    state = AttemptState.CLAIMED if running else AttemptState.ENDED
    return Attempt.objects.create(
        step=step,
        number=1,
        executor=ExecutorKind.KUBERNETES,
        state=state,
        created_at=now,
        not_before=now,
        launched_at=now,
        claimed_at=now,
        job_name=f"job-{job.pk}-100-1",
    )


# ---- the log --------------------------------------------------------------------------------------------------------


def _line(number: int) -> bytes:
    return b"\x1b[0m\x1b[1mmodule.network[%d].subnet: Refreshing state... [id=subnet-%06d]\x1b[0m\n" % (
        number % 100,
        number,
    )


def _long_log() -> Attempt:
    attempt = _attempt(JobStatus.COMPLETED)
    text = b"".join(map(_line, range(LINES)))
    LogChunk.objects.bulk_create(
        LogChunk(attempt=attempt, offset=start, size=len(part), data=part)
        for start in range(0, len(text), _CHUNK)
        if (part := text[start : start + _CHUNK])
    )
    attempt.log_size = len(text)
    attempt.save()
    return attempt


def log_figures(client: Client, pid: int, attempt: Attempt, count: int) -> Iterator[Figure]:
    """Measure what opening the page of a job with a long log asks for, from the page to the last line."""
    size = attempt.log_size
    page = f"/admin/workspaces/job/{attempt.step.job_id}/change/"
    log = f"/runs/{attempt.step.job_id}/steps/{attempt.step_id}/log?attempt=1"
    spans, cpu = [], []
    for _ in range(count + 1):
        began, cpu_before = time.perf_counter(), cpu_ms(pid)
        client.get(Request(name="page", path=page, page=True))
        offset = size - _TAIL
        ask, last = f"{log}&tail={_TAIL}", b""
        while offset < size:
            last, offset = client.log(ask)
            ask = f"{log}&offset={offset}"
        if not last.endswith(_line(LINES - 1)):
            raise RuntimeError("the last line of the log did not come")
        spans.append((time.perf_counter() - began) * 1000)
        cpu.append(cpu_ms(pid) - cpu_before)
    note = f"{LINES:,} lines, {size / 2**20:.0f} MiB, cpu {sum(cpu[1:]) / count:.0f} ms"
    value = percentile(spans[1:], 0.95)
    name = f"p95 of a long log, opened at its end ({note})"
    yield Figure(measure=LOG_MEASURE, name=name, value=value, unit="ms", aim=_LOG_AIM_MS)


# ---- those who watch ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Seen:
    """When each update reached each viewer, in seconds after it was stored."""

    ready: int = 0
    refused: int = 0
    """Questions of pages that were answered 503."""
    late: list[float] = field(default_factory=list)


def _transactions() -> int:
    """Return the transactions of this database so far; a statement of the web process is one of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


class _Viewer:
    """One browser that watches a job: a session of its own, and one connection each for the log and for the page."""

    def __init__(self, port: int, session: str, opening: asyncio.Semaphore) -> None:
        self._port, self._session, self._opening = port, session, opening
        self.opened, self.refused, self._version = False, 0, ""

    async def _ask(self, path: str, writer: asyncio.StreamWriter) -> None:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nCookie: sessionid={self._session}"
        writer.write(f"{head}\r\n\r\n".encode())
        await writer.drain()

    async def follow(self, path: str, seen: _Seen, stored: list[float]) -> None:
        """Watch a log by server-sent events until the last update came."""
        async with self._opening:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            await self._ask(path, writer)
            status = await reader.readline()
            if b" 200 " not in status:
                raise RuntimeError(f"a log was answered {status!r}")
            await self._lines(reader)
        seen.ready += 1
        count = 1
        try:
            while count <= _UPDATES:
                for _ in range(await self._lines(reader)):
                    seen.late.append(time.monotonic() - stored[count])
                    count += 1
        finally:
            writer.close()

    async def _lines(self, reader: asyncio.StreamReader) -> int:
        """Return how many lines of the log came with the next event."""
        while not (line := await reader.readline()).startswith(b"data: "):
            if not line:
                raise RuntimeError("a viewer's connection ended")
        return base64.b64decode(line[6:]).count(b"\n")

    async def poll(self, path: str, until: asyncio.Event) -> None:
        """Ask for the page's parts each second, as an open page does."""
        async with self._opening:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            while not await self._parts(path, reader, writer):
                await asyncio.sleep(1)
        self.opened = True
        try:
            while not until.is_set():
                await asyncio.sleep(1)
                await self._parts(path, reader, writer)
        finally:
            writer.close()

    async def _parts(self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Ask once, and return whether there was an answer: a site with much to do says 503, and pages ask again."""
        await self._ask(f"{path}?version={self._version}", writer)
        answer = await reader.readuntil(b"\r\n\r\n")
        size = _SIZE.search(answer)
        body = await reader.readexactly(int(size[1]) if size else 0)
        status = int(answer.split(b" ", 2)[1])
        if status == 200:
            self._version = str(json.loads(body)["version"])
        elif status == 503:
            self.refused += 1
        elif status != 204:
            raise RuntimeError(f"a page was answered {status}")
        return status != 503


def _sessions(count: int) -> list[str]:
    """Return the keys of new sessions, half of an administrator and half of a member of teams."""
    users = [User.objects.get(username=name) for name in (ADMIN, MEMBER)]
    found = []
    for number in range(count):
        user = users[number % 2]
        store = SessionStore()
        store[SESSION_KEY], store[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
        store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
        store.save()
        found.append(str(store.session_key))
    return found


async def _watch(port: int, attempt: Attempt, job_id: int, sessions: list[str]) -> tuple[_Seen, float]:
    """Let viewers watch while the log grows; return what they saw, and the statements a second meanwhile."""
    seen, stored, over = _Seen(), [time.monotonic()], asyncio.Event()
    opening = asyncio.Semaphore(_OPENED_AT_ONCE)
    viewers = [_Viewer(port, session, opening) for session in sessions]
    page = f"/runs/{job_id}"
    events = f"{page}/steps/{attempt.step_id}/events?attempt=1&offset=0"
    polls = [asyncio.create_task(one.poll(f"{page}/live", over)) for one in viewers]
    follows = [asyncio.create_task(one.follow(events, seen, stored)) for one in viewers]
    while seen.ready < len(viewers) or not all(one.opened for one in viewers):
        await asyncio.sleep(0.05)
        for task in (*polls, *follows):
            if task.done():
                task.result()
    await asyncio.sleep(2)
    before, began = await asyncio.to_thread(_transactions), time.monotonic()
    for number in range(_UPDATES):
        await asyncio.to_thread(_append, attempt, b"update %d\n" % number)
        stored.append(time.monotonic())
        await asyncio.sleep(_PAUSE_SECONDS)
    await asyncio.gather(*follows)
    spent = await asyncio.to_thread(_transactions) - before
    a_second = spent / (time.monotonic() - began)
    over.set()
    await asyncio.gather(*polls)
    seen.refused = sum(one.refused for one in viewers)
    return seen, a_second


def _append(attempt: Attempt, text: bytes) -> None:
    try:
        attempt.refresh_from_db()
        append_log(attempt, attempt.log_size, text)
    finally:
        connection.close()


def viewer_figures(port: int, pid: int) -> Iterator[Figure]:
    """Measure how late lines reach many viewers, and what these cost the database beside one viewer."""
    found: dict[int, tuple[_Seen, float, float]] = {}
    for count in (1, VIEWERS):
        attempt = _attempt(JobStatus.RUNNING)
        _append(attempt, b"begin\n")
        cpu, began = cpu_ms(pid), time.monotonic()
        seen, a_second = asyncio.run(_watch(port, attempt, attempt.step.job_id, _sessions(count)))
        found[count] = seen, a_second, (cpu_ms(pid) - cpu) / (time.monotonic() - began)
    (_, alone, cpu_alone), (seen, together, cpu) = found[1], found[VIEWERS]
    late = percentile(seen.late, 0.95) * 1000
    name = f"p95 of a line's way to {VIEWERS} viewers (cpu {cpu:.0f} ms a second, {cpu_alone:.0f} with one)"
    yield Figure(measure=VIEWERS_MEASURE, name=name, value=late, unit="ms", aim=_LATE_AIM_MS)
    name = f"statements a second with {VIEWERS} viewers, beside one ({seen.refused} answers 503)"
    yield Figure(
        measure=VIEWERS_MEASURE, name=name, value=together, unit="", aim=max(_RATIO * alone, alone + 10), bare=alone
    )


def measured(port: int, dataset: Dataset, count: int, asked: set[int]) -> Iterator[Figure]:
    """Take measures 8 and 9, those that are asked for, at one web process."""
    long_log = _long_log() if LOG_MEASURE in asked else None
    with web(port) as pid:
        if long_log is not None:
            yield from log_figures(Client(port, dataset), pid, long_log, count)
        if VIEWERS_MEASURE in asked:
            yield from viewer_figures(port, pid)
