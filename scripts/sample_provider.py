"""A provider on the loopback with repositories, from which the panel makes workspaces step by step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.sample_data import SIMPLE, Sample
from tests.vcs.provider import GitHub
from tests.vcs.provider.connecting import connection_by_app
from tests.vcs.provider.fixtures import reached

REPOSITORY = "acme/infrastructure"
FOLDERS = ("network", "clusters/production", "clusters/test", "data/warehouse", "data/exports", "identity")


@contextmanager
def provider(folder: Path, sample: Sample) -> Iterator[None]:
    """Serve the repositories until the context ends, and add a connection to them to the sample.

    The site has to be allowed to ask addresses of the loopback.
    """
    with reached(GitHub(folder)) as github:
        github.person("acme", "Organization")
        files = {f"{one}/main.tf": SIMPLE for one in FOLDERS}
        repository = github.act.repository(REPOSITORY, files, writers=("ada",))
        github.act.push(repository, "next", {"edge/main.tf": SIMPLE}, by="ada")
        github.act.repository("acme/website", {"index.html": ""})
        github.install_app("acme")
        # One without notifications: the sample tells nobody outside.
        organization = sample.workspaces["ledger"].organization
        sample.connection = connection_by_app(github, organization, name="acme", description="Our own repositories")
        sample.repository = github.clone_url(repository)
        yield
