"""Notifications of the database: heard at once after the commit, and missed by nobody who polls as well."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from django.db import connection, transaction

from terrakube_site.database.notify import Listener, listening_to, notify
from tests.support.patience import patient

pytestmark = pytest.mark.django_db(transaction=True)
CHANNEL = "terrakube_test"


def in_transaction(*, commit: bool = True) -> None:
    try:
        with transaction.atomic():
            notify(CHANNEL)
            if not commit:
                raise InterruptedError
    except InterruptedError:
        pass
    finally:
        connection.close()


def heard(act: Callable[[], None]) -> bool:
    """Whether a listener hears what is done again and again, since it may not listen yet."""

    async def listening(listener: Listener) -> bool:
        until = time.monotonic() + patient(5)
        while not listener.hears and time.monotonic() < until:
            await asyncio.to_thread(act)
            await listener.wait(0.1)
        return listener.hears

    return asyncio.run(_with_listener(listening))


async def _with_listener(use: Callable[[Listener], Awaitable[bool]]) -> bool:
    async with listening_to(CHANNEL) as listener:
        return await use(listener)


@pytest.mark.postgres
def test_a_notification_is_heard() -> None:
    assert heard(in_transaction)


@pytest.mark.postgres
def test_a_notification_wakes_who_waits_and_a_rolled_back_one_does_not() -> None:
    async def waiting(listener: Listener) -> bool:
        while not listener.hears:
            await asyncio.to_thread(in_transaction)
            await listener.wait(0.1)
        await listener.wait(0.1)
        begun = time.monotonic()
        await asyncio.to_thread(in_transaction, commit=False)
        await listener.wait(0.3)
        rolled_back = time.monotonic() - begun
        asleep = asyncio.create_task(listener.wait(patient(30)))
        await asyncio.to_thread(in_transaction)
        await asyncio.wait_for(asleep, patient(10))
        return rolled_back >= 0.3

    assert asyncio.run(_with_listener(waiting))


@pytest.mark.postgres
def test_a_listener_whose_connection_was_ended_connects_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terrakube_site.database.notify._RETRY_SECONDS", 0.05)

    def end_listeners() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'")
        connection.close()

    async def broken(listener: Listener) -> bool:
        async def until(hears: bool, act: Callable[[], None]) -> None:
            while listener.hears != hears:
                await asyncio.to_thread(act)
                await listener.wait(0.1)

        await asyncio.wait_for(until(True, in_transaction), patient(10))
        await asyncio.wait_for(until(False, end_listeners), patient(10))
        await asyncio.wait_for(until(True, in_transaction), patient(10))
        return True

    assert asyncio.run(_with_listener(broken))


def test_who_waits_wakes_up_without_notifications() -> None:
    async def waiting(listener: Listener) -> bool:
        await listener.wait(0.05)
        return not listener.hears

    assert asyncio.run(_with_listener(waiting))
