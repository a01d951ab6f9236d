"""Azure DevOps' tokens: OAuth, personal ones, and those of a service principal in Microsoft Entra."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop as _

from vcs.providers.base import Grant, SetupError, ask_token, endpoint_of
from vcs.providers.base.oauth import authorize_page, credentials_of
from workspaces.choices import VcsType
from workspaces.models import Vcs

_SIGN_IN = "https://app.vssps.visualstudio.com"
_SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps as a resource of Microsoft Entra."""
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def git_user(vcs: Vcs, token: str) -> str:
    return "dummy"


def api_headers(vcs: Vcs, token: str) -> Mapping[str, str]:
    # Without the second header a token that it does not know is answered with the page to sign in.
    if token.count(".") == 2:
        return {"Authorization": f"Bearer {token}", "X-TFS-FedAuthRedirect": "Suppress"}
    # A personal token is a password, and no JWT.
    login = "Basic " + base64.b64encode(f":{token}".encode()).decode()
    return {"Authorization": login, "X-TFS-FedAuthRedirect": "Suppress"}


def authorize_url(vcs: Vcs, redirect_uri: str, state: str) -> str:
    if vcs.vcs_type == VcsType.AZURE_SP_MI:
        raise SetupError(_("A service principal signs in by itself; there is no page to connect it."))
    return authorize_page(
        f"{sign_in_url(vcs)}/oauth2/authorize",
        vcs,
        state,
        response_type="Assertion",
        scope="vso.code vso.code_status",
        redirect_uri=redirect_uri,
    )


def exchange(vcs: Vcs, code: str, redirect_uri: str) -> Grant:
    return _ask(vcs, "urn:ietf:params:oauth:grant-type:jwt-bearer", code, redirect_uri)


def can_renew(vcs: Vcs) -> bool:
    if vcs.vcs_type == VcsType.AZURE_SP_MI:
        return bool(vcs.client_id and vcs.client_secret)
    return bool(vcs.refresh_token)


def renew(vcs: Vcs, redirect_uri: str) -> Grant:
    if vcs.vcs_type == VcsType.AZURE_SP_MI:
        form = {**credentials_of(vcs), "grant_type": "client_credentials", "scope": _SCOPE}
        return ask_token(f"{_tenant(vcs)}/oauth2/v2.0/token", form)
    return _ask(vcs, "refresh_token", vcs.refresh_token, redirect_uri)


def _ask(vcs: Vcs, grant_type: str, assertion: str, redirect_uri: str) -> Grant:
    form = {
        "client_assertion_type": _ASSERTION,
        "client_assertion": credentials_of(vcs)["client_secret"],
        "grant_type": grant_type,
        "assertion": assertion,
        "redirect_uri": redirect_uri,
    }
    return ask_token(f"{sign_in_url(vcs)}/oauth2/token", form)


def sign_in_url(vcs: Vcs) -> str:
    """Return where people sign in and where their tokens are exchanged."""
    # Terraform's provider gives connections the address of the API, which exchanges no code.
    endpoint = endpoint_of(vcs)
    return _SIGN_IN if urlsplit(endpoint).hostname == "dev.azure.com" else endpoint


def _tenant(vcs: Vcs) -> str:
    endpoint = endpoint_of(vcs)
    parts = urlsplit(endpoint)
    if parts.hostname == "dev.azure.com" or not parts.path.strip("/"):
        raise SetupError(
            _("A service principal needs the endpoint https://login.microsoftonline.com/TENANT, with the tenant's ID.")
        )
    return endpoint
