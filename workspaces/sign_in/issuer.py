"""The installation as a client of its issuer: authorization code with PKCE, state and nonce, by Authlib."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import DjangoIntegration, DjangoOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from joserfc.errors import JoseError
from jwt import PyJWTError

from terrakube_site.outgoing.sessions import RequestException, checked
from workspaces.services import oidc

KEEP_SECONDS = 3600
TIMEOUT_SECONDS = 10
NAME = "issuer"


class SignInFailed(Exception):
    """The issuer returned no user, or no answer that can be trusted; the message is for the log."""


class _Session(OAuth2Session):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        checked(self, timeout=TIMEOUT_SECONDS, trusted={oidc.issuer_host()})


class _Client(DjangoOAuth2App):  # type: ignore[misc]
    client_cls = _Session


@lru_cache(maxsize=2)
def _client(issuer: str, client_id: str, secret: str, scopes: tuple[str, ...], hour: int) -> Any:
    """Return a client with the issuer's metadata; a new ``hour`` makes it fetch the metadata again."""
    kwargs: dict[str, Any] = {"scope": " ".join(scopes), "code_challenge_method": "S256"}
    if not secret:
        # A public client, as Terrakube's own in Dex: PKCE proves its identity.
        kwargs["token_endpoint_auth_method"] = "none"  # noqa: S105 - the name of a method
    return _Client(
        DjangoIntegration(NAME),
        name=NAME,
        client_id=client_id,
        client_secret=secret or None,
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs=kwargs,
    )


def client() -> Any:
    hour = int(time.monotonic() // KEEP_SECONDS)
    return _client(
        settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET, settings.OIDC_SCOPES, hour
    )


def redirect_to_issuer(request: HttpRequest, back: str) -> HttpResponseRedirect:
    """Redirect a browser to the issuer, which redirects it to ``back``. Raises SignInFailed."""
    try:
        found: HttpResponseRedirect = client().authorize_redirect(request, back)
    except (RequestException, OAuthError, RuntimeError, ValueError) as error:
        raise SignInFailed(f"The issuer gives no address to sign in at: {error}") from error
    return found


def claims_from_issuer(request: HttpRequest) -> dict[str, Any]:
    """Return the claims of the user that the issuer returned. Raises SignInFailed."""
    options = {
        "iss": {"essential": True, "values": [settings.OIDC_ISSUER, f"{settings.OIDC_ISSUER}/"]},
        "aud": {"essential": True, "values": [settings.OIDC_CLIENT_ID]},
        "nonce": {"essential": True},
    }
    try:
        token = client().authorize_access_token(request, claims_options=options)
        if not token.get("userinfo"):
            raise SignInFailed("The issuer's answer has no id_token")
        # Signature, algorithm, audience and times are checked as for a bearer token.
        return oidc.claims_of(str(token["id_token"]))
    except (RequestException, OAuthError, JoseError, PyJWTError, oidc.IssuerError) as error:
        raise SignInFailed(f"{type(error).__name__}: {error}") from error
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        # Raised for fields that are missing or have another type than the protocol defines.
        raise SignInFailed(f"The issuer's answer cannot be used ({type(error).__name__})") from error


def logout_url(back: str) -> str:
    """Return the URL that ends the issuer's own session; empty if it offers none or does not answer."""
    try:
        metadata = client().load_server_metadata()
        if urlsplit(metadata.get("end_session_endpoint", ""))[:2] != urlsplit(settings.OIDC_ISSUER)[:2]:
            # None, or a URL that the Content-Security-Policy does not allow as a form's target.
            return ""
        made = client().create_logout_url(post_logout_redirect_uri=back, client_id=settings.OIDC_CLIENT_ID)
    except (RequestException, RuntimeError, ValueError):
        return ""
    return str(made["url"])
