"""One organization with a team for each kind of caller, and a client for each."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from tests.api.client import Api, token_of
from tests.factories import OrganizationFactory, TeamFactory, TemplateFactory, WorkspaceFactory
from workspaces.models import Organization, Template, Workspace


@pytest.fixture(autouse=True)
def nobody_failed_yet() -> None:
    """The count of failed authentications is kept in the cache, beyond a test's transaction."""
    cache.clear()


@pytest.fixture
def organization(db: None) -> Organization:
    organization = OrganizationFactory.create(name="net")
    every = {
        name: True
        for name in ("state", "collection", "job", "workspace", "module", "provider", "vcs", "template")
        for name in [f"manage_{name}"]
    }
    TeamFactory.create(organization=organization, name="OWNERS", plan_job=True, approve_job=True, **every)
    TeamFactory.create(organization=organization, name="READERS")
    return organization


@pytest.fixture
def workspace(organization: Organization) -> Workspace:
    return WorkspaceFactory.create(organization=organization, name="core")


@pytest.fixture
def template(organization: Organization) -> Template:
    return TemplateFactory.create(organization=organization, name="Plan and apply")


@pytest.fixture
def admin(db: None) -> Api:
    return Api(token_of("TERRAKUBE_ADMIN", name="admin@example.com"))


@pytest.fixture
def owner(organization: Organization) -> Api:
    """In a team with every right of the organization."""
    return Api(token_of("OWNERS", name="owner@example.com"))


@pytest.fixture
def reader(organization: Organization) -> Api:
    """In a team that may only read."""
    return Api(token_of("READERS"))


@pytest.fixture
def stranger(db: None) -> Api:
    """In a team of another organization, with every right there."""
    other = OrganizationFactory.create(name="elsewhere")
    TeamFactory.create(organization=other, name="STRANGERS", manage_workspace=True, manage_job=True, role="admin")
    return Api(token_of("STRANGERS"))
