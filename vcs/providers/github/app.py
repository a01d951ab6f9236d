"""A GitHub App: its own login, and tokens of its installations, narrowed to a repository."""

from __future__ import annotations

import datetime as dt
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import jwt
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_noop as _

from vcs.providers.base import Api, ApiError, Grant, Repository, SetupError, api_url_of
from vcs.providers.github.tokens import HEADERS
from workspaces.choices import ConnectionType, VcsType
from workspaces.models import Vcs

READING = {"contents": "read", "metadata": "read"}
"""The permissions with which git clones."""
_BEHIND_SECONDS, _LIFE_SECONDS = 60, 540
"""GitHub refuses a login whose start its clock has not reached, or which lasts more than ten minutes."""


def is_app(vcs: Vcs) -> bool:
    """Return whether a connection is a GitHub App with a key."""
    standalone = vcs.vcs_type == VcsType.GITHUB and vcs.connection_type == ConnectionType.STANDALONE
    return standalone and bool(vcs.private_key)


def app_api(vcs: Vcs) -> Api:
    """Return the API as the App itself sees it. Raises SetupError for a key that cannot be used."""
    token = _login(vcs)
    return Api(url=api_url_of(vcs), headers={**HEADERS, "Authorization": f"Bearer {token}"}, secrets=(token,))


def _login(vcs: Vcs) -> str:
    if not vcs.client_id:
        raise SetupError(_("The connection has no client ID. Enter the client ID of the App, or the App ID."))
    now = int(time.time())
    claims = {"iss": vcs.client_id, "iat": now - _BEHIND_SECONDS, "exp": now + _LIFE_SECONDS}
    # A key that went through a variable may hold its line ends as text. PKCS#1 and PKCS#8 are both read.
    key = vcs.private_key.replace("\\n", "\n").strip() + "\n"
    try:
        return jwt.encode(claims, key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        raise SetupError(
            _("The private key is not an RSA key in PEM format. Paste the whole file from GitHub.")
        ) from None


@dataclass(frozen=True, slots=True)
class Installation:
    """An App's installation; ``repository_id`` of a repository that has another name now, else None."""

    id: int
    repository_id: int | None = None


def find_installation(api: Api, repository: Repository) -> Installation:
    """Return the installation that reaches a repository. Raises ApiError and OutgoingError.

    For a renamed repository GitHub names its number in a redirect. Only the number is taken from there.
    """
    owner, name = (quote(part, safe="") for part in repository.path.split("/")[:2])
    try:
        return Installation(_id_of(api.get(f"/repos/{owner}/{name}/installation").data))
    except ApiError as error:
        moved = re.search(r"/repositories/(\d+)(?:/installation)?$", error.location)
        if error.status not in {301, 302, 307, 308} or moved is None:
            raise
        number = int(moved[1])
        return Installation(_id_of(api.get(f"/repositories/{number}/installation").data), number)


def mint(api: Api, installation: Installation, repository: Repository | None, *, write: bool) -> Grant:
    """Return a token of an installation; ``repository`` None: for all that it reaches.

    Without ``write`` the token reads alone. With it, it has what the installation has, since asking for a permission
    that the App lacks is refused. Raises ApiError and OutgoingError.
    """
    body: dict[str, Any] = {}
    if installation.repository_id is not None and repository is not None:
        body["repository_ids"] = [installation.repository_id]
    elif repository is not None:
        body["repositories"] = [repository.path.split("/")[1]]
    if not write:
        body["permissions"] = READING
    data = api.post(f"/app/installations/{installation.id}/access_tokens", body).data
    token = data.get("token") if isinstance(data, dict) else None
    if not isinstance(token, str) or not token:
        raise ApiError(502, "The answer holds no token")
    return Grant(token, expires_at=_moment(data.get("expires_at")))


def _id_of(data: Any) -> int:
    found = data.get("id") if isinstance(data, dict) else None
    if not isinstance(found, int):
        raise ApiError(502, "The answer names no installation")
    return found


def _moment(text: object) -> dt.datetime | None:
    try:
        found = parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=dt.UTC)
