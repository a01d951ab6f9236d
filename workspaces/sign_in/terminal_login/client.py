"""The one client, as discovery describes it to terraform and tofu."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

CLIENT_ID = "terraform-cli"
GRANT_TYPE = "authorization_code"
# The client draws a port from the first up to, not including, the last; with both equal it crashes.
PORTS = (10000, 10010)


def login_service() -> dict[str, Any]:
    """Return the service ``login.v1`` of Terraform's discovery; its addresses are relative to the discovery's."""
    return {
        "client": CLIENT_ID,
        "grant_types": ["authz_code"],
        "authz": reverse("sign-in:authorize-terminal"),
        "token": reverse("sign-in:terminal-token"),
        "ports": list(PORTS),
    }
