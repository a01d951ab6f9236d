"""The fake providers of these tests: one with git and pull requests, and one that answers as a test tells it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from terrakube_site.outgoing import allowed_from
from tests.vcs.fake_api import FakeApi
from tests.vcs.hooked import received
from tests.vcs.provider.fixtures import gitea, github, provider
from tests.vcs.scene import scene

__all__ = ["api", "gitea", "github", "provider", "received", "scene"]


@pytest.fixture
def api(settings: Settings) -> Iterator[FakeApi]:
    settings.OUTGOING_ALLOWED = allowed_from(["127.0.0.1/32"])
    settings.PUBLIC_URL = "https://terrakube.example"
    server = FakeApi()
    yield server
    server.stop()
