"""Notifications of the database: heard at once after the commit, and missed by nobody who polls as well."""

from __future__ import annotations

import asyncio
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


async def _with_listener(use: Callable[[Listener], Awaitable[bool]]) -> bool:
    async with listening_to(CHANNEL) as listener:
        return await use(listener)


async def _listens(listener: Listener) -> None:
    """Wait until the listener listens, and has heard all that this took."""
    while not listener.hears:
        await asyncio.to_thread(in_transaction)
        await listener.wait(0.1)
    while await listener.wait(0.3):
        pass


@pytest.mark.postgres
def test_a_notification_wakes_who_waits_and_a_rolled_back_one_does_not() -> None:
    async def waiting(listener: Listener) -> bool:
        await asyncio.wait_for(_listens(listener), patient(20))
        rolled_back = True
        for _ in range(10):
            # On a busy machine one of before may come late, but not each time.
            await asyncio.to_thread(in_transaction, commit=False)
            rolled_back = rolled_back and await listener.wait(0.3)
        asleep = asyncio.create_task(listener.wait(patient(30)))
        await asyncio.to_thread(in_transaction)
        return await asleep and not rolled_back

    assert asyncio.run(_with_listener(waiting))


@pytest.mark.postgres
def test_a_listener_whose_connection_was_ended_connects_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terrakube_site.database.notify._RETRY_SECONDS", 0.05)

    def end_listeners() -> None:
        with connection.cursor() as cursor:
            # Other tests listen in databases of their own on the same server.
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'LISTEN%%'"
            )
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
