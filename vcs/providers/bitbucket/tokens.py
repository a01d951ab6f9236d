"""Bitbucket's tokens: OAuth, access tokens of a repository or workspace, and API tokens of an account."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from vcs.providers.base import Grant, ask_token, endpoint_of
from vcs.providers.base.oauth import authorize_page, credentials_of
from workspaces.choices import ConnectionType
from workspaces.models import Vcs

_OF_AN_ACCOUNT = "ATATT"
"""How API tokens of Atlassian accounts begin; git takes them with a user name of their own."""


def basic(user: str, password: str) -> str:
    """Return the header of a login by name and password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def git_user(vcs: Vcs, token: str) -> str:
    return "x-bitbucket-api-token-auth" if token.startswith(_OF_AN_ACCOUNT) else "x-token-auth"


def api_headers(vcs: Vcs, token: str) -> Mapping[str, str]:
    if vcs.connection_type == ConnectionType.STANDALONE and vcs.client_id and token.startswith(_OF_AN_ACCOUNT):
        return {"Authorization": basic(vcs.client_id, token)}
    return {"Authorization": f"Bearer {token}"}


def authorize_url(vcs: Vcs, redirect_uri: str, state: str) -> str:
    # Bitbucket sends people to the address that its OAuth consumer names.
    return authorize_page(f"{endpoint_of(vcs)}/site/oauth2/authorize", vcs, state, response_type="code")


def exchange(vcs: Vcs, code: str, redirect_uri: str) -> Grant:
    return _ask(vcs, {"grant_type": "authorization_code", "code": code})


def can_renew(vcs: Vcs) -> bool:
    return bool(vcs.refresh_token)


def renew(vcs: Vcs, redirect_uri: str) -> Grant:
    return _ask(vcs, {"grant_type": "refresh_token", "refresh_token": vcs.refresh_token})


def _ask(vcs: Vcs, form: Mapping[str, str]) -> Grant:
    client = credentials_of(vcs)
    headers = {"Authorization": basic(client["client_id"], client["client_secret"])}
    address = f"{endpoint_of(vcs)}/site/oauth2/access_token"
    return ask_token(address, form, headers=headers, secrets=(client["client_secret"],))
