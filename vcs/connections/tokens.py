"""``token_for``: a connection's token for a repository, and the API with it."""

from __future__ import annotations

import datetime as dt
from functools import partial

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from vcs.connections.api import api_with
from vcs.connections.grants import LASTING, connection_with_token
from vcs.connections.installations import installation_token
from vcs.connections.problems import ConnectionProblem
from vcs.models import InstallationToken
from vcs.providers import provider_of
from vcs.providers.base import Api, Repository, Token, endpoint_of
from vcs.providers.github.app import is_app
from workspaces.models import Vcs


def repository_of(vcs: Vcs, source: str) -> Repository:
    """Return the repository of a source as the connection's provider calls it. Raises ConnectionProblem."""
    try:
        return Repository.of(source, endpoint_of(vcs))
    except ValueError:
        raise ConnectionProblem(message(_("The source {source} is not a repository."), source=source)) from None


def can_narrow(vcs: Vcs) -> bool:
    """Return whether a connection has tokens that read one repository alone; else each one has all its rights."""
    return is_app(vcs) and not vcs.access_token


def token_for(
    vcs: Vcs,
    source: str,
    *,
    write: bool = False,
    narrow: bool = False,
    lasting: dt.timedelta = LASTING,
    renew: bool = False,
) -> Token | None:
    """Return a token for a source, valid for at least ``lasting``; None for a public connection.

    Without ``write`` it reads the repository, where the provider can narrow it; with ``narrow`` it does so also where
    the connection gives tokens for all repositories, if it ``can_narrow`` them. ``renew``: the provider refused the
    last one. It may ask the provider, so never call it inside a transaction. Raises ConnectionProblem.
    """
    provider = provider_of(vcs)
    if provider is None:
        return None
    if can_narrow(vcs):
        repository = repository_of(vcs, source)
        row = installation_token(vcs, repository, write=write, narrow=narrow, lasting=lasting, renew=renew)
        return Token(row.token, provider.tokens.git_user(vcs, row.token), row.expires_at)
    found = connection_with_token(vcs, lasting=lasting, renew=renew)
    text = found.access_token
    return Token(text, provider.tokens.git_user(found, text), found.token_expiration)


def api_for(vcs: Vcs, source: str) -> Api:
    """Return the provider's API with a token that may write to a source's repository. Raises as ``token_for``.

    Raises ConnectionProblem for a public connection too, which has no API.
    """

    def text(*, renew: bool = False) -> str:
        found = token_for(vcs, source, write=True, renew=renew)
        if found is None:
            raise ConnectionProblem(message(_("The connection “{name}” is public and has no API."), name=vcs.name))
        return found.text

    return api_with(vcs, text(), partial(text, renew=True))


def known_tokens(vcs: Vcs) -> set[str]:
    """Return the tokens of a connection that steps may have now, without asking the provider."""
    kept = InstallationToken.objects.filter(vcs=vcs).exclude(token="")
    return {text for text in (vcs.access_token, *(row.token for row in kept)) if text}
