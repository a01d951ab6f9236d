"""The test repository behind an HTTP server, a mirror of providers, and no cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from executors import cluster
from executors.cluster import NoCluster
from terrakube_site.outgoing import allowed_from
from tests.agent.git_server import GitServer, Repository
from tests.factories import WorkspaceFactory
from tests.preflight.repository import make_repository
from workspaces.models import Workspace

PROVIDERS = ("time/0.14.2", "null/3.2.4", "local/2.5.1")


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Repository]]:
    root = tmp_path_factory.mktemp("repositories")
    repository = make_repository(root / "net")
    server = GitServer(root, "", "")
    yield f"{server.url}/net", repository
    server.stop()


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OUTGOING_ALLOWED = allowed_from(["127.0.0.0/8"])
    settings.SOURCE_SCHEMES = ("https", "ssh", "http")
    mirror = tmp_path / "terraform" / "plugins" / "registry.terraform.io" / "hashicorp"
    for name in PROVIDERS:
        package = mirror / name / "linux_amd64"
        package.mkdir(parents=True)
        (package / "provider").write_text(name)
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")

    def connect() -> Any:
        raise NoCluster("no kubeconfig")

    monkeypatch.setattr(cluster, "connect", connect)


@pytest.fixture
def make_workspace(repositories: tuple[str, Repository]) -> Callable[..., Workspace]:
    def make(folder: str = "clean", **fields: Any) -> Workspace:
        return WorkspaceFactory.create(**{"source": repositories[0], "folder": folder, **fields})

    return make
