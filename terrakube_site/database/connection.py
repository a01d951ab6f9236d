"""Database settings: SQLite in the data folder, or PostgreSQL by an address."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from terrakube_site import site_settings
from terrakube_site.env import SettingError

_PARAMETERS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "target_session_attrs")
_ALLOWED = (
    "postgresql://user:password@host:port/name, with ?sslmode=require and the like behind it "
    f"({', '.join(_PARAMETERS)}), or nothing for SQLite in the data folder"
)


def sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            # Readers don't block writers, and a transaction that will write waits at its start instead of failing at
            # its first write.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }


def database(environ: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Return Django's settings of the default database. Raises SettingError, which never quotes the address."""
    address = site_settings.DATABASE_URL.read(environ)
    if not address:
        return sqlite(folder / "terrakube.sqlite3")
    parts = urlsplit(address)
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise SettingError(site_settings.DATABASE_URL.name, None, _ALLOWED)
    options: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not options.keys() <= set(_PARAMETERS):
        raise SettingError(site_settings.DATABASE_URL.name, None, _ALLOWED)
    pooled = site_settings.DATABASE_POOL.read(environ)
    if pooled:
        options["pool"] = {"min_size": 2, "max_size": 20, "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        # The web process serves each request from another thread and pools; a worker keeps its one connection.
        "CONN_MAX_AGE": 0 if pooled else 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }
