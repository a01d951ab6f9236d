"""Connections of the site to a fake provider, as an administrator enters them."""

from __future__ import annotations

from typing import Any

from tests.vcs.provider.gitea import Gitea
from tests.vcs.provider.github import GitHub
from tests.vcs.provider.records import Repository
from workspaces.choices import ConnectionType, VcsStatus, VcsType
from workspaces.models import Organization, Vcs


def connection_by_app(github: GitHub, organization: Organization, **columns: Any) -> Vcs:
    """Return a connection by the provider's App."""
    return _connection(
        github,
        organization,
        connection_type=ConnectionType.STANDALONE,
        client_id=github.app.client_id,
        private_key=github.app.private_key(),
        **columns,
    )


def connection_by_token(provider: GitHub | Gitea, organization: Organization, login: str, **columns: Any) -> Vcs:
    """Return a connection by somebody's personal token."""
    return _connection(provider, organization, access_token=provider.personal_token(login), **columns)


def usual_connection(
    provider: GitHub | Gitea, repository: Repository, organization: Organization, **columns: Any
) -> Vcs:
    """Return what suits a dialect: the App at GitHub, a token of a repository's administrator at Gitea."""
    if isinstance(provider, GitHub):
        provider.install_app(repository.owner.login)
        return connection_by_app(provider, organization, **columns)
    repository.rights["terrakube"] = "admin"
    return connection_by_token(provider, organization, "terrakube", **columns)


def _connection(provider: GitHub | Gitea, organization: Organization, **columns: Any) -> Vcs:
    values = {
        "name": "ours",
        "vcs_type": VcsType(provider.dialect),
        "endpoint": provider.url,
        "api_url": provider.api_url,
        "status": VcsStatus.COMPLETED,
    }
    made: Vcs = Vcs.objects.create(organization=organization, **{**values, **columns})
    return made
