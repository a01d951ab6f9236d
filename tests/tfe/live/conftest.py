"""What the tests beside a live site share. Here ``db`` has no transaction: the site's processes see each record.

Sites are a module's: a test makes what it needs, and asks nothing of what is not its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from tests.tfe.tls import TlsSite
from tests.tfe.tls import tls_site as serve


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep a module in one worker, so that its site is started once; cluster tests have theirs already.

    What a terminal sees does not hang on the database; the requests themselves are tried on both.
    """
    item.add_marker(pytest.mark.once)
    if item.get_closest_marker("cluster") is None:
        item.add_marker(pytest.mark.xdist_group(f"live-{item.path.stem}"))


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


@pytest.fixture(scope="module")
def tls_site(db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsSite]:
    """A web process over https, without a worker: no step runs."""
    with serve(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def running_site(db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsSite]:
    """A whole site over https: its steps run as processes of this machine."""
    with serve(tmp_path_factory.mktemp("site"), worker=True) as site:
        yield site
