"""A whole site beside a fake provider on the loopback: its processes, whose steps run as processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.spine.site import Site
from tests.support.module_database import db
from tests.tfe.tls import shared_database
from workspaces.services.organizations import add_default_templates

__all__ = ["HOST", "db", "local_site", "site"]
HOST = "127.0.0.1"


@contextmanager
def local_site(folder: Path) -> Iterator[Site]:
    """Run a site until the context ends; web and worker may ask providers on the loopback.

    What the test writes must be committed.
    """
    environ = {"KUBECONFIG": "", "TERRAKUBE_OUTGOING_ALLOWED": HOST}
    with (
        shared_database(folder / "terrakube.sqlite3"),
        Site(folder, HOST, environ, namespace="none").at_hand() as site,
    ):
        site.start()
        yield site


@pytest.fixture(scope="module")
def site(db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running site whose steps are processes of this machine."""
    with local_site(tmp_path_factory.mktemp("site")) as site:
        add_default_templates(site.organization, by=None)
        yield site
