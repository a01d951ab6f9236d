"""Tokens of connections at providers that check them: git clones with one, the API takes one, and what refuses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from executors.contract.repository_access import RepositoryAccess, git_environment
from tests.factories import OrganizationFactory
from tests.vcs.provider import Gitea, GitHub
from tests.vcs.provider.client import git
from tests.vcs.provider.connecting import connection_by_app, connection_by_token
from tests.vcs.provider.records import Repository
from vcs.connections.problems import ConnectionProblem
from vcs.connections.tokens import api_for, repository_of, token_for
from vcs.providers import provider_of
from vcs.providers.base import State, Status
from workspaces.choices import VcsStatus
from workspaces.models import Vcs

pytestmark = pytest.mark.django_db
STATUS = Status(state=State.SUCCESS, name="Terrakube", description="Planned", url="http://site.test/run")


def infra(provider: GitHub | Gitea) -> Repository:
    return provider.act.repository("acme/infra", {"main.tf": "# one\n"}, writers=("bot",))


def clone(provider: GitHub | Gitea, vcs: Vcs, repository: Repository, folder: Path) -> str:
    """Clone as an executor does, with the connection's token for reading; returns what git says of a failure."""
    source = provider.clone_url(repository)
    token = token_for(vcs, source)
    assert token is not None
    access = RepositoryAccess(
        source=source, vcs_type=vcs.vcs_type, connection_type=vcs.connection_type, access_token=token.text
    )
    folder.mkdir(exist_ok=True)
    with git_environment(access, {}, folder) as environ:
        done = git("clone", "--quiet", source, "work", folder=folder, **environ)
    return done.stderr if done.returncode else ""


def send_status(vcs: Vcs, source: str, commit: str) -> None:
    provider = provider_of(vcs)
    assert provider is not None
    assert provider.statuses is not None
    provider.statuses.send_status(api_for(vcs, source), repository_of(vcs, source), commit, STATUS)


def test_a_personal_token_clones_and_reports(provider: GitHub | Gitea, tmp_path: Path) -> None:
    repository = infra(provider)
    vcs = connection_by_token(provider, OrganizationFactory.create(), "bot")
    assert clone(provider, vcs, repository, tmp_path) == ""
    assert (tmp_path / "work" / "main.tf").read_text() == "# one\n"
    commit = repository.git.tip("main")
    send_status(vcs, provider.clone_url(repository), commit)
    assert [one.state for one in repository.statuses[commit]] == ["success"]


def test_an_app_clones_with_a_token_that_reads_alone_and_reports_with_another(github: GitHub, tmp_path: Path) -> None:
    repository = infra(github)
    github.act.repository("acme/other", {"main.tf": ""})
    github.install_app("acme")
    vcs = connection_by_app(github, OrganizationFactory.create())
    assert clone(github, vcs, repository, tmp_path) == ""
    (reading,) = github.tokens.all("installation")
    assert reading.permissions == {"metadata": "read", "contents": "read"}
    assert reading.repositories == frozenset({repository.id})
    send_status(vcs, github.clone_url(repository), repository.git.tip("main"))
    assert len(github.tokens.all("installation")) == 2
    # Both are kept while they last.
    assert clone(github, vcs, repository, tmp_path / "again") == ""
    send_status(vcs, github.clone_url(repository), repository.git.tip("main"))
    assert len(github.tokens.all("installation")) == 2


def test_a_token_that_ends_soon_is_replaced_before_it_does(github: GitHub, tmp_path: Path) -> None:
    repository = infra(github)
    github.install_app("acme")
    github.token_seconds = 120
    vcs = connection_by_app(github, OrganizationFactory.create())
    for name in ("one", "two"):
        assert clone(github, vcs, repository, tmp_path / name) == ""
    assert len(github.tokens.all("installation")) == 2


def test_an_app_that_is_uninstalled_is_a_problem_of_its_connection(github: GitHub, tmp_path: Path) -> None:
    repository = infra(github)
    github.install_app("acme")
    vcs = connection_by_app(github, OrganizationFactory.create())
    assert clone(github, vcs, repository, tmp_path) == ""
    github.uninstall_app("acme")
    with pytest.raises(ConnectionProblem, match="not installed"):
        token_for(vcs, github.clone_url(repository), renew=True, write=True)
    vcs.refresh_from_db()
    assert vcs.problem


def test_a_renamed_repository_is_cloned_under_its_old_address(github: GitHub, tmp_path: Path) -> None:
    repository = infra(github)
    github.install_app("acme")
    vcs = connection_by_app(github, OrganizationFactory.create())
    source = github.clone_url(repository)
    github.act.rename(repository, "platform")
    token = token_for(vcs, source)
    assert token is not None
    address = source.replace("://", f"://x-access-token:{token.text}@")
    assert git("clone", "--quiet", address, "work", folder=tmp_path).returncode == 0


def test_a_provider_that_is_away_or_busy_is_told_from_a_lost_token(github: GitHub) -> None:
    repository = infra(github)
    github.install_app("acme")
    source = github.clone_url(repository)
    vcs = connection_by_app(github, OrganizationFactory.create())
    with github.faults.away(), pytest.raises(ConnectionProblem) as away:
        token_for(vcs, source)
    assert not away.value.lost
    github.faults.limit_rate("access_tokens", seconds=30)
    with pytest.raises(ConnectionProblem) as limited:
        token_for(vcs, source)
    assert limited.value.retry_after == 30
    # It is not asked again before that.
    with pytest.raises(ConnectionProblem):
        token_for(vcs, source)


def test_a_refused_token_is_told_on_the_page_until_it_works_again(provider: GitHub | Gitea) -> None:
    repository = infra(provider)
    source, commit = provider.clone_url(repository), repository.git.tip("main")
    vcs = connection_by_token(provider, OrganizationFactory.create(), "bot")
    with (
        provider.faults.tokens_refused(),
        pytest.raises(ConnectionProblem, match="does not accept the token") as refused,
    ):
        send_status(vcs, source, commit)
    token = token_for(vcs, source)
    assert token is not None
    assert token.text not in str(refused.value)
    vcs.refresh_from_db()
    assert (vcs.status, vcs.problem is None) == (VcsStatus.ERROR, False)
    send_status(vcs, source, commit)
    vcs.refresh_from_db()
    assert (vcs.status, vcs.problem) == (VcsStatus.COMPLETED, None)
