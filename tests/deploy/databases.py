"""Databases of a test's own on the PostgreSQL of the tests, for programs that are other processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString
from urllib.parse import quote
from uuid import uuid4

import psycopg
from django.conf import settings
from psycopg import sql


def _maintain(statement: LiteralString, name: str) -> None:
    found = settings.DATABASES["default"]
    with psycopg.connect(
        host=found["HOST"],
        port=found["PORT"],
        user=found["USER"],
        password=found["PASSWORD"],
        dbname="postgres",
        autocommit=True,
    ) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


@contextmanager
def fresh_database() -> Iterator[str]:
    """The address of an empty database, which is dropped in the end, whoever is still connected to it."""
    name = f"test_{uuid4().hex[:12]}"
    _maintain("CREATE DATABASE {}", name)
    found = settings.DATABASES["default"]
    user, password = quote(found["USER"], safe=""), quote(found["PASSWORD"], safe="")
    try:
        yield f"postgresql://{user}:{password}@{found['HOST']}:{found['PORT']}/{name}"
    finally:
        _maintain("DROP DATABASE {} WITH (FORCE)", name)
