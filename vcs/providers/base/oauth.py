"""OAuth as most providers have it: a code for a token, a refresh token for the next."""

from __future__ import annotations

from urllib.parse import urlencode

from django.utils.translation import gettext_noop as _

from vcs.providers.base.grants import Grant, SetupError, ask_token
from workspaces.models import Vcs


def credentials_of(vcs: Vcs) -> dict[str, str]:
    """Return the client's id and secret as a form has them. Raises SetupError."""
    if not vcs.client_id or not vcs.client_secret:
        raise SetupError(_("The connection has no client ID or no client secret."))
    return {"client_id": vcs.client_id, "client_secret": vcs.client_secret}


def authorize_page(address: str, vcs: Vcs, state: str, **query: str) -> str:
    """Return the address of the provider's page. Raises SetupError."""
    if not vcs.client_id:
        raise SetupError(_("The connection has no client ID."))
    return f"{address}?{urlencode({'client_id': vcs.client_id, **query, 'state': state})}"


def exchange_code(address: str, vcs: Vcs, code: str, redirect_uri: str) -> Grant:
    """Return the token for a code."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    return ask_token(address, {**credentials_of(vcs), **form})


def renew_token(address: str, vcs: Vcs, redirect_uri: str) -> Grant:
    """Return the next token by the stored refresh token."""
    form = {"grant_type": "refresh_token", "refresh_token": vcs.refresh_token, "redirect_uri": redirect_uri}
    return ask_token(address, {**credentials_of(vcs), **form})
