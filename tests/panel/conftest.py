"""What the tests of the panel share: an administrator, and a member of one team."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.translation import trans_real
from pytest_django import Settings

from tests.factories import TeamFactory, UserFactory, WorkspaceFactory, member
from workspaces.models import Organization, Workspace


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


@pytest.fixture
def admin(client: Client) -> Client:
    """A browser in which an administrator is signed in."""
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True, email="root@site.example"))
    return client


@pytest.fixture
def sign_in() -> Callable[..., Client]:
    """Sign in a staff user whose one team in an organization has the given rights."""

    def sign_in(organization: Organization, **rights: object) -> Client:
        user: User = member(TeamFactory.create(organization=organization, **rights))
        user.is_staff = True
        user.save()
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def german(tmp_path: Path, settings: Settings) -> Iterator[None]:
    """The catalogue as the site's image has it, compiled."""
    if shutil.which("msgfmt") is None:
        pytest.skip("msgfmt (Debian: gettext) is not there")
    source = Path(settings.BASE_DIR) / "locale" / "de" / "LC_MESSAGES" / "django.po"
    target = tmp_path / "de" / "LC_MESSAGES"
    target.mkdir(parents=True)
    command = ["msgfmt", "--check-format", "-o", str(target / "django.mo"), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    settings.LOCALE_PATHS = [str(tmp_path)]
    loaded: Any = trans_real
    loaded._translations.clear()
    yield
    loaded._translations.clear()
