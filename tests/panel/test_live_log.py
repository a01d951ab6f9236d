"""Logs as they come: every viewer gets every byte, and many viewers cost one reader."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import OperationalError, connections
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from executors.choices import AttemptState
from executors.logs import live_stream, store
from executors.models import Attempt
from executors.runs import access, log_views, viewers
from tests.factories import TeamFactory, UserFactory, member
from tests.panel.test_job_page import claim, finish, launch, start
from tests.support.patience import patient
from workspaces.models import Job, Workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def attempt(workspace: Workspace) -> Attempt:
    found = launch(start(workspace))
    claim(found)
    found.refresh_from_db()
    return found


def patiently(do: Callable[..., object], *args: object) -> None:
    """Do it again while a reader has a table locked: SQLite in memory, as in tests, does not wait by itself."""
    for _ in range(int(patient(100))):
        try:
            do(*args)
        except OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.02)
        else:
            return
    raise AssertionError("the table stayed locked")


def append(attempt: Attempt, text: bytes) -> None:
    attempt.refresh_from_db()
    store.append_log(attempt, attempt.log_size, text)


def write(attempt: Attempt, text: bytes) -> None:
    patiently(append, attempt, text)


def end(attempt: Attempt) -> None:
    patiently(finish, attempt)


async def read_all(attempt: Attempt, offset: int = 0) -> bytes:
    found = b""
    async for piece in live_stream.follow_log(attempt.pk, offset):
        if piece is not None:
            found += piece.data
    return found


def lines(first: int, last: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(first, last))


def test_every_viewer_gets_what_was_there_and_what_comes(attempt: Attempt) -> None:
    write(attempt, lines(0, 100))

    async def watch() -> list[bytes]:
        early = [asyncio.create_task(read_all(attempt)) for _ in range(10)]
        await until(lambda: live_stream.broadcaster().looks >= 2)
        for number in range(5):
            await sync_to_async(write)(attempt, lines(100 + number, 101 + number))
            looks = live_stream.broadcaster().looks
            await until(lambda looks=looks: live_stream.broadcaster().looks > looks)  # type: ignore[misc]
        late = [asyncio.create_task(read_all(attempt)) for _ in range(10)]
        looks = live_stream.broadcaster().looks
        await until(lambda: live_stream.broadcaster().looks >= looks + 2)
        await sync_to_async(write)(attempt, b"last\n")
        await sync_to_async(end)(attempt)
        return await asyncio.gather(*early, *late)

    assert set(asyncio.run(watch())) == {lines(0, 105) + b"last\n"}


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    async with asyncio.timeout(patient(seconds)):
        while not condition():
            await asyncio.sleep(0.01)


def test_fifty_viewers_cost_one_reader(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    look = live_stream._poll

    def counted(known: Mapping[UUID, int | None]) -> list[live_stream._News]:
        asked.append(len(known))
        return look(known)

    monkeypatch.setattr(live_stream, "_poll", counted)

    async def watch() -> int:
        viewers = [asyncio.create_task(read_all(attempt)) for _ in range(50)]
        await until(lambda: len(asked) >= 3)
        readers = [task for task in asyncio.all_tasks() if task.get_name() == "log reader"]
        await sync_to_async(end)(attempt)
        await asyncio.gather(*viewers)
        assert len(asked) == live_stream.broadcaster().looks
        return len(readers)

    assert asyncio.run(watch()) == 1
    # Each look asks once for the one log that all of them watch.
    assert set(asked) == {1}


def test_the_reader_rests_when_nobody_watches(attempt: Attempt) -> None:
    async def watch() -> list[str]:
        viewer = asyncio.create_task(read_all(attempt))
        await until(lambda: live_stream.broadcaster().looks >= 2)
        viewer.cancel()
        # The reader ends by itself.
        await until(lambda: not any(task.get_name() == "log reader" for task in asyncio.all_tasks()))
        return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert asyncio.run(watch()) == []


def test_a_log_longer_than_what_is_kept_comes_whole(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_stream, "KEPT_BYTES", 2000)
    monkeypatch.setattr(live_stream, "PIECE_BYTES", 700)

    async def watch() -> bytes:
        viewer = asyncio.create_task(read_all(attempt))
        for number in range(40):
            await sync_to_async(write)(attempt, lines(number * 20, number * 20 + 20))
        await sync_to_async(end)(attempt)
        return await viewer

    assert asyncio.run(watch()) == lines(0, 800)


def test_a_viewer_goes_on_where_its_connection_broke(attempt: Attempt) -> None:
    write(attempt, b"first\nsecond\n")
    end(attempt)
    user = UserFactory.create(is_staff=True, is_superuser=True)
    address = reverse("runs:events", args=[attempt.step.job_id, attempt.step_id])
    whole = asyncio.run(_events(user, address))
    assert [data for _, data in whole] == [b"first\nsecond\n"]
    rest = asyncio.run(_events(user, address, headers={"last-event-id": "6"}))
    assert rest == [("13", b"second\n")]
    assert asyncio.run(_events(user, address, headers={"last-event-id": "13"})) == []


async def _events(user: User, address: str, **options: object) -> list[tuple[str, bytes]]:
    client = AsyncClient()
    await client.aforce_login(user)
    response = await client.get(address, **options)  # type: ignore[arg-type]
    assert (response.status_code, response["Content-Type"]) == (200, "text/event-stream")
    body: AsyncIterator[bytes] = response.streaming_content  # type: ignore[attr-defined]
    text = b"".join([part async for part in body]).decode()
    assert text.endswith("event: over\ndata: {}\n\n")
    found = []
    for event in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in event.splitlines() if ": " in line)
        if "id" in fields:
            found.append((fields["id"], base64.b64decode(fields["data"])))
    return found


def test_events_are_for_who_may_see_the_job(attempt: Attempt) -> None:
    address = reverse("runs:events", args=[attempt.step.job_id, attempt.step_id])
    stranger = UserFactory.create(is_staff=True)

    async def ask() -> tuple[int, int]:
        client = AsyncClient()
        out = await client.get(address)
        await client.aforce_login(stranger)
        return out.status_code, (await client.get(address)).status_code

    assert asyncio.run(ask()) == (401, 404)


def test_a_viewer_holds_no_database_connection_while_the_log_goes_on(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = reverse("runs:events", args=[attempt.step.job_id, attempt.step_id])
    user = UserFactory.create(is_superuser=True)
    acts: list[str] = []
    wrapper: Any = type(connections["default"])
    close, find = wrapper.close, access.attempt_of

    def closed(self: Any) -> None:
        acts.append("closed")
        close(self)

    def found(*args: Any) -> Attempt:
        acts.append("found")
        return find(*args)

    monkeypatch.setattr(wrapper, "close", closed)
    monkeypatch.setattr(log_views, "attempt_of", found)

    async def open_log() -> None:
        client = AsyncClient()
        await client.aforce_login(user)
        acts.clear()
        # Nothing of the log is read yet.
        assert (await client.get(address)).status_code == 200
        assert acts[acts.index("found") :] == ["found", "closed"]
        *_, viewer = viewers.viewers._known.values()
        await sync_to_async(Session.objects.all().delete)()
        viewers.viewers._checked_at = viewers.viewers._claimed_at = float("-inf")
        acts.clear()
        assert not await viewers.viewers.still_may(viewer), "a session that is gone"
        assert acts[-1] == "closed"

    asyncio.run(open_log())


def test_a_download_holds_the_whole_log_without_colours(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executors.runs.log_views.LOG_BYTES", 8)
    write(attempt, b"\x1b[1mbold\x1b[0m and ")
    write(attempt, b"\x1b[31mr\xc3\xa9d\x1b[0m\nend")
    end(attempt)
    user = UserFactory.create(is_staff=True, is_superuser=True)
    address = reverse("runs:download", args=[attempt.step.job_id, attempt.step_id])

    async def download(colors: str) -> bytes:
        client = AsyncClient()
        await client.aforce_login(user)
        response = await client.get(address, {"colors": colors})
        assert f"{attempt.job_name}.log" in response["Content-Disposition"]
        body: AsyncIterator[bytes] = response.streaming_content  # type: ignore[attr-defined]
        return b"".join([part async for part in body])

    assert asyncio.run(download("0")).decode() == "bold and réd\nend"
    assert asyncio.run(download("1")).startswith(b"\x1b[1mbold")
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.ENDED


@pytest.mark.parametrize("lost", ["session", "right"])
def test_a_live_log_ends_for_who_may_no_longer_see_it(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    monkeypatch.setattr(viewers, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(log_views, "CHECK_SECONDS", 0.01)
    user = UserFactory.create(is_superuser=True)
    address = reverse("runs:events", args=[attempt.step.job_id, attempt.step_id])

    def lose() -> None:
        if lost == "session":
            Session.objects.all().delete()
        else:
            User.objects.update(is_superuser=False)

    async def watched() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(user)
        response = await client.get(address)
        parts: AsyncIterator[bytes] = response.streaming_content  # type: ignore[attr-defined]
        found = [await anext(parts)]
        await sync_to_async(write)(attempt, b"shown\n")
        found.append(await anext(parts))
        await sync_to_async(patiently)(lose)
        await sync_to_async(write)(attempt, b"secret\n")
        async with asyncio.timeout(patient(10)):
            return found + [part async for part in parts]

    retry, shown = asyncio.run(watched())
    assert retry == b"retry: 1000\n\n"
    assert base64.b64encode(b"shown\n") in shown


def test_fifty_viewers_are_checked_with_as_many_statements_as_one(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = viewers.Viewers()
    job = Job.objects.select_related("workspace", "organization").get(pk=attempt.step.job_id)

    def checked() -> int:
        with CaptureQueriesContext(connections["default"]) as found:
            registry.check()
        return len(found)

    def join() -> viewers.Viewer:
        session = SessionStore()
        session.create()
        user = member(TeamFactory.create(organization=job.organization, role="read"))
        return registry.join(session.session_key or "", user, job)

    assert checked() == 0, "nobody watches"
    joined = [join()]
    of_one = checked()
    joined += [join() for _ in range(49)]
    assert 0 < of_one == checked() < 8
    assert all(registry.is_trusted(viewer) for viewer in joined)
    joined[7].standing.user.groups.clear()
    checked()
    assert [number for number, viewer in enumerate(joined) if viewer.forgotten] == [7]
