"""Service discovery for Terraform's command line."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from workspaces.sign_in.terminal_login.client import login_service


@require_safe
def terraform(request: HttpRequest) -> JsonResponse:
    """Return the available services of Terraform's protocols: the cloud protocol and the login."""
    services: dict[str, Any] = dict.fromkeys(("tfe.v2", "tfe.v2.1", "tfe.v2.2", "state.v2"), "/remote/tfe/v2/")
    services["login.v1"] = login_service()
    return JsonResponse(services)
