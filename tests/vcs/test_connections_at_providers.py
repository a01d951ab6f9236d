"""Connections at providers that check each call: OAuth, lists of repositories, and "Try it"."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories import OrganizationFactory
from tests.vcs.provider import Gitea, GitHub
from tests.vcs.provider.connecting import connection_by_app, connection_by_token
from tests.vcs.provider.records import Repository
from vcs.connections.discovery import groups_of, repositories_of
from vcs.connections.tokens import api_for, token_for
from vcs.connections.trying import try_connection
from workspaces.choices import VcsStatus, VcsType
from workspaces.models import Vcs

pytestmark = pytest.mark.django_db


@pytest.fixture
def repository(provider: GitHub | Gitea) -> Repository:
    """Give acme/infra, one of the two repositories of an organization; mia writes to both."""
    provider.person("acme", "Organization")
    provider.act.repository("acme/modules", {"main.tf": ""}, writers=("mia",))
    return provider.act.repository("acme/infra", {"main.tf": ""}, writers=("mia",))


def connected(provider: GitHub | Gitea) -> Vcs:
    """Return a connection by OAuth after somebody came back from the provider with a code."""
    vcs: Vcs = Vcs.objects.create(
        organization=OrganizationFactory.create(),
        name="ours",
        vcs_type=VcsType(provider.dialect),
        client_id=provider.oauth.client_id,
        client_secret=provider.oauth.client_secret,
        endpoint=provider.url,
        api_url=provider.api_url,
        status=VcsStatus.PENDING,
    )
    code = provider.oauth.allow(provider.person("mia"))
    assert Client().get(f"/callback/v1/vcs/{vcs.pk}", {"code": code}).status_code == 200
    vcs.refresh_from_db()
    return vcs


def test_a_code_becomes_a_token_that_the_provider_takes(provider: GitHub | Gitea, repository: Repository) -> None:
    vcs = connected(provider)
    assert vcs.status == VcsStatus.COMPLETED
    found = api_for(vcs, provider.clone_url(repository)).get("/repos/acme/infra").data
    assert found["full_name"] == "acme/infra"


def test_a_code_that_was_used_connects_nothing(provider: GitHub | Gitea, repository: Repository) -> None:
    vcs = connected(provider)
    Vcs.objects.filter(pk=vcs.pk).update(status=VcsStatus.ERROR, access_token="", updated_date=timezone.now())
    Client().get(f"/callback/v1/vcs/{vcs.pk}", {"code": "used"})
    vcs.refresh_from_db()
    assert (vcs.status, vcs.access_token) == (VcsStatus.ERROR, "")
    assert vcs.problem


def test_a_token_that_ends_soon_is_renewed_once_and_the_old_one_ends(gitea: Gitea) -> None:
    gitea.person("acme", "Organization")
    repository = gitea.act.repository("acme/infra", {"main.tf": ""}, writers=("mia",))
    vcs = connected(gitea)
    old, refresh = vcs.access_token, vcs.refresh_token
    Vcs.objects.filter(pk=vcs.pk).update(token_expiration=timezone.now() + dt.timedelta(minutes=2))
    for _ in range(2):
        token = token_for(vcs, gitea.clone_url(repository))
        assert token is not None
        assert token.text != old
    vcs.refresh_from_db()
    assert vcs.refresh_token not in {"", refresh}
    assert len(gitea.calls_of("POST", "/login/oauth/access_token")) == 2, "one for the code, one for the renewal"
    known = gitea.tokens.find(old)
    assert known is not None
    assert known.revoked
    assert api_for(vcs, gitea.clone_url(repository)).get("/user").data["login"] == "mia"


def test_repositories_are_listed_and_searched(provider: GitHub | Gitea, repository: Repository) -> None:
    vcs = connection_by_token(provider, OrganizationFactory.create(), "mia")
    assert "acme" in [group.name for group in groups_of(vcs)]
    page = repositories_of(vcs, "acme")
    assert sorted(one.full_name for one in page.items) == ["acme/infra", "acme/modules"]
    (found,) = repositories_of(vcs, "acme", search="inf").items
    assert (found.url, found.default_branch) == (provider.clone_url(repository), "main")


def test_repositories_of_an_app_are_those_of_its_installation(github: GitHub) -> None:
    github.person("acme", "Organization")
    for name in ("infra", "modules"):
        github.act.repository(f"acme/{name}", {"main.tf": ""})
    github.install_app("acme", ("infra",))
    vcs = connection_by_app(github, OrganizationFactory.create())
    (group,) = groups_of(vcs)
    page = repositories_of(vcs, group.id)
    assert [one.full_name for one in page.items] == ["acme/infra"]


def test_a_connection_that_works_says_so_and_one_that_does_not_says_why(
    provider: GitHub | Gitea, repository: Repository
) -> None:
    vcs = connection_by_token(provider, OrganizationFactory.create(), "mia")
    assert try_connection(vcs).works
    source = provider.clone_url(repository)
    assert "acme/infra" in str(try_connection(vcs, source).sentence)
    gone = try_connection(vcs, f"{provider.url}/acme/nothing.git")
    assert (gone.works, "acme/nothing" in str(gone.sentence)) == (False, True)
    provider.act.rename(repository, "platform")
    assert "renamed" in str(try_connection(vcs, source).sentence)
    with provider.faults.tokens_refused():
        assert not try_connection(vcs).works
    with provider.faults.away():
        assert not try_connection(vcs).works
    assert try_connection(vcs).works
