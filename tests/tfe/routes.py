"""Every address of the cloud protocol, with the right that it takes: the one table that a new address is added to.

``test_roles.py`` walks it with each role of ``tests/roles/declared.py``; ``tests/api/test_every_route.py`` walks the
addresses themselves with a stranger's token, with the names of ``names_of``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models

BASES = ("remote/tfe/v2/", "api/v2/")


@dataclass(frozen=True)
class Route:
    """A method and an address; ``needed`` is a right of the table of roles.

    ``seen`` is what lets a caller see what the address names, without which the answer is 404. ``sent`` is a body that
    is accepted from who has the right; names in braces stand for those of ``names_of``.
    """

    method: str
    path: str
    needed: str
    seen: str = "here"
    sent: Any = None


ROUTES = (
    Route("GET", "organizations", "anybody", seen="anybody"),
    Route("GET", "organizations/<str:organization_name>", "here"),
    Route("GET", "organizations/<str:organization_name>/entitlement-set", "here"),
)
WITHOUT_ROLE: Mapping[str, str] = {
    "ping": "what every client asks first",
    "<path:path>": "answers 404",
}
"""Addresses that no role decides, each with why."""
PATHS = frozenset(f"{base}{path}" for base in BASES for path in (*(route.path for route in ROUTES), *WITHOUT_ROLE))


def names_of(records: Mapping[str, models.Model]) -> dict[str, str]:
    """Return what the parameters of the addresses stand for, given a record of every type."""
    organization: Any = records["organization"]
    workspace: Any = records["workspace"]
    return {
        "organization_name": organization.name,
        "workspace_name": workspace.name,
        "workspace_id": str(workspace.pk),
        "run_id": f"run-{records['job'].pk}",
        "plan_id": f"plan-{records['job'].pk}",
        "apply_id": f"apply-{records['job'].pk}",
    }
