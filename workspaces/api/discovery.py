"""Service discovery for Terraform's command line."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

_SCOPES = ("openid", "profile", "email", "offline_access", "groups")


@require_safe
def terraform(request: HttpRequest) -> JsonResponse:
    """Return the available services of Terraform's protocols: the cloud protocol, and the login if an issuer is set."""
    services: dict[str, Any] = dict.fromkeys(("tfe.v2", "tfe.v2.1", "tfe.v2.2", "state.v2"), "/remote/tfe/v2/")
    if settings.OIDC_ISSUER:
        services["login.v1"] = {
            "client": settings.OIDC_CLIENT_ID,
            "grant_types": ["authz_code", *_SCOPES],
            "authz": f"{settings.OIDC_ISSUER}/auth?scope={'+'.join(_SCOPES)}",
            "token": f"{settings.OIDC_ISSUER}/token",
            "ports": [10000, 10001],
        }
    return JsonResponse(services)
