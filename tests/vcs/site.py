"""A whole site beside a fake provider on the loopback: its processes, whose steps run as processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.spine.site import Site
from tests.tfe.tls import shared_database

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
