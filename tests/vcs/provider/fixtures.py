"""A provider of each dialect for a test; a wrong call fails the test in the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vcs.provider import Gitea, GitHub, Provider


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    with GitHub(tmp_path / "github").checked() as provider:
        yield provider


@pytest.fixture
def gitea(tmp_path: Path) -> Iterator[Gitea]:
    with Gitea(tmp_path / "gitea").checked() as provider:
        yield provider


@pytest.fixture(params=[GitHub, Gitea], ids=["github", "gitea"])
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Provider]:
    """Give a provider of each dialect, one after the other."""
    with request.param(tmp_path / "provider").checked() as provider:
        yield provider
