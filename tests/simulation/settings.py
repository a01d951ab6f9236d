"""Settings of a simulation: the product's own, over a database in memory that is made without its migrations."""

from __future__ import annotations

from terrakube_site.settings import *  # noqa: F403 - all but what follows


class _WithoutMigrations:
    def __contains__(self, app: object) -> bool:
        return True

    def __getitem__(self, app: object) -> None:
        return None


DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
        # All that a history asks, so that no text is parsed twice.
        "OPTIONS": {"cached_statements": 2000},
    }
}
MIGRATION_MODULES = _WithoutMigrations()
