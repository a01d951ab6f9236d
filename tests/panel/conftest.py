"""What the tests of the panel share: an administrator, and a member of one team."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

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
