"""Which repositories a connection reaches, for people who choose one."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import marked, message
from terrakube_site.outgoing import OutgoingError
from vcs.connections.api import api_with
from vcs.connections.grants import connection_with_token
from vcs.connections.problems import REFUSED, ConnectionProblem, general_problem
from vcs.providers import provider_of
from vcs.providers.base import Api, ApiError, SetupError, host_of
from vcs.providers.base.listings import Group, Page
from vcs.providers.github import app
from vcs.providers.github.repositories import installations, repositories_of_installation
from workspaces.models import Vcs

NO_ANSWER = _("This site does not understand the answer of {host}.")
UNKNOWN_GROUP = _("The App is not installed on {group}.")


def may_discover(vcs: Vcs) -> bool:
    """Return whether a connection can list repositories at all: not while it has nothing to ask with."""
    provider = provider_of(vcs)
    if provider is None:
        return False
    if vcs.access_token or provider.tokens.can_renew(vcs):
        return True
    return app.is_app(vcs)


def groups_of(vcs: Vcs) -> list[Group]:
    """Return what a connection's repositories are grouped by. Never call it inside a transaction.

    Raises ConnectionProblem.
    """
    provider = provider_of(vcs)
    if provider is None:
        return []
    try:
        if _acts_as_app(vcs):
            return [Group(login, login) for login in installations(app.app_api(vcs))]
        return provider.repositories.groups(connection_api(vcs), vcs)
    except (ApiError, OutgoingError, SetupError, KeyError, TypeError) as error:
        raise discovery_problem(error, vcs) from error


def repositories_of(vcs: Vcs, group: str, *, search: str = "", page: int = 1) -> Page:
    """Return a page of a group's repositories, counted from 1. Never call it inside a transaction.

    Raises ConnectionProblem.
    """
    provider = provider_of(vcs)
    if provider is None:
        return Page((), False)
    try:
        if _acts_as_app(vcs):
            return repositories_of_installation(_installation_api(vcs, group), search, page)
        return provider.repositories.repositories(connection_api(vcs), vcs, group, search, page)
    except (ApiError, OutgoingError, SetupError, KeyError, TypeError) as error:
        raise discovery_problem(error, vcs) from error


def connection_api(vcs: Vcs) -> Api:
    """Return the API with the connection's own token. Raises ConnectionProblem."""
    provider = provider_of(vcs)
    if provider is None:
        raise ConnectionProblem(message(_("The connection “{name}” is public and has no API."), name=vcs.name))
    token = connection_with_token(vcs).access_token
    return api_with(vcs, token, lambda: connection_with_token(vcs, renew=True).access_token)


def discovery_problem(
    error: ApiError | OutgoingError | SetupError | KeyError | TypeError, vcs: Vcs
) -> ConnectionProblem:
    """Return why a provider shows nothing, and what its token lacks."""
    words = {"host": host_of(vcs)}
    if isinstance(error, KeyError | TypeError):
        return ConnectionProblem(message(NO_ANSWER, **words))
    found = general_problem(error, vcs)
    if found is not None or not isinstance(error, ApiError):
        return found or ConnectionProblem(marked(str(error)))
    more = {**words, "status": error.status, "detail": error.detail or "–"}
    if error.status == 401:
        return ConnectionProblem(message(REFUSED, **more), lost=True)
    if error.status == 403:
        return ConnectionProblem(
            message(
                _("The token may not do this at {host} ({detail}). It needs the right to read repositories."), **more
            )
        )
    if error.is_moved or (error.status == 200 and vcs.api_url):
        return ConnectionProblem(
            message(_("{host} is not the address of an API ({status}). Check the API URL."), **more)
        )
    return ConnectionProblem(message(_("{host} refuses the request ({status}: {detail})."), **more))


def _acts_as_app(vcs: Vcs) -> bool:
    return app.is_app(vcs) and not vcs.access_token


def _installation_api(vcs: Vcs, group: str) -> Api:
    api = app.app_api(vcs)
    number = installations(api).get(group)
    if number is None:
        raise ConnectionProblem(message(UNKNOWN_GROUP, group=group))
    # For this one list: a token that is not kept.
    grant = app.mint(api, app.Installation(number), None, write=False)
    headers = {**api.headers, "Authorization": f"Bearer {grant.access_token}"}
    return Api(url=api.url, headers=headers, secrets=(grant.access_token,))
