"""GitHub's tokens: OAuth and personal ones here, those of an App's installation in ``app``."""

from __future__ import annotations

from collections.abc import Mapping

from vcs.providers.base import Grant, ask_token, endpoint_of
from vcs.providers.base.oauth import authorize_page, credentials_of, renew_token
from workspaces.models import Vcs

HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


def git_user(vcs: Vcs, token: str) -> str:
    return "x-access-token"


def api_headers(vcs: Vcs, token: str) -> Mapping[str, str]:
    return {**HEADERS, "Authorization": f"Bearer {token}"}


def authorize_url(vcs: Vcs, redirect_uri: str, state: str) -> str:
    address = f"{endpoint_of(vcs)}/login/oauth/authorize"
    return authorize_page(address, vcs, state, allow_signup="false", scope="repo", redirect_uri=redirect_uri)


def exchange(vcs: Vcs, code: str, redirect_uri: str) -> Grant:
    # Without a redirect_uri, since the page that Terraform's provider links to has none, and both must be the same.
    return ask_token(f"{endpoint_of(vcs)}/login/oauth/access_token", {**credentials_of(vcs), "code": code})


def can_renew(vcs: Vcs) -> bool:
    # A GitHub App's tokens for users expire where the App says so; those of an OAuth app never do.
    return bool(vcs.refresh_token)


def renew(vcs: Vcs, redirect_uri: str) -> Grant:
    return renew_token(f"{endpoint_of(vcs)}/login/oauth/access_token", vcs, redirect_uri)
