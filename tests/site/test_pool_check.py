"""A pooled connection is asked seldom, and one that the server has closed is never used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.utils import ConnectionHandler
from psycopg_pool import ConnectionPool

from terrakube_site.database import pool_check

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pool_check, "time", clock)
    return clock


@pytest.fixture
def pooled(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A wrapper of the tests' database with a pool of one connection."""
    monkeypatch.setattr(ConnectionPool, "check_connection", ConnectionPool.check_connection)
    options = connection.settings_dict["OPTIONS"] | {"pool": {"min_size": 1, "max_size": 1, "timeout": 30}}
    settings = connection.settings_dict | {"OPTIONS": options, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}
    handler = ConnectionHandler({"default": settings})
    monkeypatch.setattr(pool_check, "connections", handler)
    pool_check.use_in_pools()
    wrapper: Any = handler["default"]
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def ask(wrapper: Any) -> int:
    """Do what a request does, and return the number of the server's process."""
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    wrapper.close()
    return int(process)


def test_the_server_is_asked_once_in_a_while(pooled: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    execute = psycopg.Connection.execute

    def noted(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        asked.append(query)
        return execute(self, query, *args, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", noted)
    for _ in range(3):
        ask(pooled)
    assert asked == [""]
    clock.now += pool_check.TRUSTED_SECONDS
    for _ in range(3):
        ask(pooled)
    assert asked == ["", ""]


def test_a_connection_that_the_server_closed_is_replaced(pooled: Any, clock: Clock) -> None:
    first = ask(pooled)
    assert ask(pooled) == first
    with connection.cursor() as cursor:
        # The socket is readable as soon as the server's process has ended.
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [first])
        assert cursor.fetchone() == (True,)
    assert ask(pooled) != first
