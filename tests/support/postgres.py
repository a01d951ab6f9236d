"""The test database: each process copies one that is migrated, as migrating takes twenty times as long."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from django.db import connection
from psycopg.sql import SQL, Identifier

from tests.support.migrated import ROOT, begin_with_migrated, digest

LOCK = 7_203_411
"""Key of the advisory lock under which one process migrates while the others wait."""
_IDLE = re.compile(r"-c idle_in_transaction_session_timeout=\d+")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_use_migrations: bool
) -> None:
    """Let the test database be a copy of the migrated one, and PostgreSQL's transactions last as long as a test.

    A test is in its transaction while it draws pages and waits for others, for however long a slow machine takes.
    """
    if connection.vendor == "sqlite" and django_db_use_migrations:
        begin_with_migrated()
    if connection.vendor != "postgresql":
        return
    settings = connection.settings_dict
    settings["OPTIONS"]["options"] = _IDLE.sub("", settings["OPTIONS"].get("options", "")).strip()
    if django_db_use_migrations:
        settings["TEST"]["TEMPLATE"] = _migrated(os.environ["TERRAKUBE_DATABASE_URL"])


def _migrated(url: str) -> str:
    """Return the name of the migrated database on this server, made now unless a run with the same migrations did."""
    name = f"migrated_{digest()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return name
        unfinished = f"{name}_unfinished"
        server.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(unfinished)))
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(unfinished)))
        address = urlsplit(url)._replace(path=f"/{quote(unfinished)}").geturl()
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=ROOT,
            env={**os.environ, "TERRAKUBE_DATABASE_URL": address},
            check=True,
        )
        server.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(unfinished), Identifier(name)))
    return name
