"""“Try it”: ask the provider with a connection's token, and say in a sentence how it went."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import Message, message
from terrakube_site.outgoing import OutgoingError
from vcs.connections.discovery import connection_api, discovery_problem
from vcs.connections.grants import note_problem, note_success
from vcs.connections.problems import ConnectionProblem, moved_problem
from vcs.connections.tokens import api_for, repository_of
from vcs.providers import provider_of
from vcs.providers.base import ApiError, Repository, SetupError, api_url_of, host_of
from vcs.providers.github import app
from vcs.providers.github.repositories import installations
from workspaces.models import Vcs


@dataclass(frozen=True, slots=True)
class Trial:
    """How a trial went; ``sentence`` says what works, or what is wrong and what to do."""

    works: bool
    sentence: Message


def try_connection(vcs: Vcs, source: str = "") -> Trial:
    """Try a connection, with a repository's address or without. Never call it inside a transaction.

    A failed renewal that would wait for its next try is tried at once.
    """
    Vcs.objects.filter(pk=vcs.pk).update(next_try_at=None)
    vcs.refresh_from_db()
    try:
        sentence = _tried(vcs, source.strip())
    except ConnectionProblem as problem:
        note_problem(vcs, problem)
        return Trial(False, problem.sentence)
    note_success(vcs)
    return Trial(True, sentence)


def _tried(vcs: Vcs, source: str) -> Message:
    provider = provider_of(vcs)
    if provider is None:
        return message(_("A public connection needs no token: its repositories are read without a login."))
    repository = repository_of(vcs, source) if source else None
    try:
        if repository is not None:
            api = api_for(vcs, source)
            return message(
                _("{host} lets the site read {repository}."),
                host=host_of(vcs),
                repository=provider.repositories.find_repository(api, repository),
            )
        if app.is_app(vcs) and not vcs.access_token:
            return _tried_app(vcs)
        api = connection_api(vcs)
        name = provider.repositories.account_name(api, vcs)
        return message(_("{host} accepts the token; it is that of {account}."), host=host_of(vcs), account=name)
    except (ApiError, OutgoingError, SetupError, KeyError, TypeError) as error:
        raise _problem(error, vcs, repository) from error


def _tried_app(vcs: Vcs) -> Message:
    accounts = sorted(installations(app.app_api(vcs)))
    if not accounts:
        raise ConnectionProblem(
            message(_("{host} accepts the App's key, but it is installed nowhere. Install it."), host=host_of(vcs))
        )
    return message(
        _("{host} accepts the App's key; it is installed on {accounts}."),
        host=host_of(vcs),
        accounts=", ".join(accounts[:10]),
    )


def _problem(
    error: ApiError | OutgoingError | SetupError | KeyError | TypeError, vcs: Vcs, repository: Repository | None
) -> ConnectionProblem:
    if isinstance(error, ApiError) and error.status == 404:
        if repository is not None:
            return ConnectionProblem(
                message(
                    _("{host} shows no repository {repository} to this token. Check address and access."),
                    host=host_of(vcs),
                    repository=repository.path,
                )
            )
        return ConnectionProblem(
            message(_("There is no API at {address}. Check the API URL."), address=api_url_of(vcs))
        )
    if isinstance(error, ApiError) and error.is_moved and repository is not None:
        return moved_problem(repository.path)
    return discovery_problem(error, vcs)
