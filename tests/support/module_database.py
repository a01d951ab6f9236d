"""The test database for a whole module, for a site in processes of its own: what a test writes is committed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker


# Its name is what tells pytest-django that a test needs the test database.
@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """pytest-django's fixture for a whole module, without its transaction; the database is emptied after the module."""
    with django_db_blocker.unblock():
        try:
            yield
        finally:
            # On SQLite a site has a copy of its own.
            if connection.vendor != "sqlite":
                call_command("flush", verbosity=0, interactive=False)
