"""Gitea's and Forgejo's tokens: OAuth, whose refresh tokens work once, and personal ones as they are."""

from __future__ import annotations

from collections.abc import Mapping

from vcs.providers.base import Grant, endpoint_of
from vcs.providers.base.oauth import authorize_page, exchange_code, renew_token
from workspaces.models import Vcs


def git_user(vcs: Vcs, token: str) -> str:
    return "oauth2"


def api_headers(vcs: Vcs, token: str) -> Mapping[str, str]:
    return {"Authorization": f"token {token}"}


def authorize_url(vcs: Vcs, redirect_uri: str, state: str) -> str:
    address = f"{endpoint_of(vcs)}/login/oauth/authorize"
    return authorize_page(address, vcs, state, response_type="code", redirect_uri=redirect_uri)


def exchange(vcs: Vcs, code: str, redirect_uri: str) -> Grant:
    return exchange_code(f"{endpoint_of(vcs)}/login/oauth/access_token", vcs, code, redirect_uri)


def can_renew(vcs: Vcs) -> bool:
    return bool(vcs.refresh_token)


def renew(vcs: Vcs, redirect_uri: str) -> Grant:
    return renew_token(f"{endpoint_of(vcs)}/login/oauth/access_token", vcs, redirect_uri)
