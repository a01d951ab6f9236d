"""Timeouts of a database connection: for a lock, for a statement, and for an idle transaction.

A process frozen in a transaction keeps its locks until the server closes its connection, and other processes time out
long before. Commands that users run (migrations, backups, checks) have no such limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from terrakube_site import site_settings

SERVING = frozenset({"qcluster", "watch", "runserver", "up"})
"""The commands that are processes of the site, or become them."""
SQLITE_SECONDS = 10
"""SQLite has one writer at a time, and lets the others wait in no order."""
_KEEPALIVES = {"idle": 10, "interval": 5, "count": 3}
_CONNECT_SECONDS = 10
_UNANSWERED_MILLISECONDS = 30_000


def is_serving(arguments: Sequence[str]) -> bool:
    """Return whether a process, by its arguments, serves the site and is not a command."""
    by_manage = PurePath(arguments[0]).name in {"manage.py", "django-admin"} if arguments else False
    return not by_manage or (len(arguments) > 1 and arguments[1] in SERVING)


def limited(database: Mapping[str, Any], environ: Mapping[str, str], *, serving: bool) -> dict[str, Any]:
    """Return a database's Django settings with the limits of this process. Raises SettingError."""
    lock = site_settings.LOCK_SECONDS.read(environ)
    statement = site_settings.STATEMENT_SECONDS.read(environ)
    idle = site_settings.IDLE_SECONDS.read(environ)
    options = dict(database["OPTIONS"])
    if database["ENGINE"].endswith("sqlite3"):
        if serving:
            options["timeout"] = min(options["timeout"], SQLITE_SECONDS)
        return {**database, "OPTIONS": options}
    # Both ends notice a silent peer within half a minute.
    options.setdefault("connect_timeout", _CONNECT_SECONDS)
    options |= {f"keepalives_{name}": value for name, value in _KEEPALIVES.items()}
    options["tcp_user_timeout"] = _UNANSWERED_MILLISECONDS
    if serving:
        asked = {
            "lock_timeout": lock * 1000,
            "statement_timeout": statement * 1000,
            "idle_in_transaction_session_timeout": idle * 1000,
        }
        kept = {name: value for name, value in asked.items() if value}
        if kept:
            kept |= {f"tcp_keepalives_{name}": value for name, value in _KEEPALIVES.items()}
            options["options"] = " ".join(f"-c {name}={value}" for name, value in kept.items())
    return {**database, "OPTIONS": options}
