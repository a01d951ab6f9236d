"""A provider of each dialect for a test; a wrong call fails the test in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.test import override_settings

from terrakube_site.outgoing import allowed_from
from tests.vcs.provider import Gitea, GitHub


@contextmanager
def reached[P: (GitHub, Gitea)](provider: P) -> Iterator[P]:
    """Check the calls to a provider on the loopback, which this process may ask meanwhile."""
    with override_settings(OUTGOING_ALLOWED=allowed_from(["127.0.0.1"])), provider.checked():
        yield provider


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    with reached(GitHub(tmp_path / "github")) as provider:
        yield provider


@pytest.fixture
def gitea(tmp_path: Path) -> Iterator[Gitea]:
    with reached(Gitea(tmp_path / "gitea")) as provider:
        yield provider


@pytest.fixture(params=[GitHub, Gitea], ids=["github", "gitea"])
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GitHub | Gitea]:
    """Give a provider of each dialect, one after the other."""
    with reached(request.param(tmp_path / "provider")) as provider:
        yield provider
