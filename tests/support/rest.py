"""A few calls of the API over real HTTP, as a client makes them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from tests.api.client import MEDIA_TYPE, token_of
from workspaces.models import Job

_PATIENCE_SECONDS = 120


def _status(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def cancel(address: str, job: Job, token: str) -> int:
    """Cancel a job; the status of the answer."""
    data = {"data": {"type": "job", "id": str(job.pk), "attributes": {"status": "cancelled"}}}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": MEDIA_TYPE}
    path = f"{address}/api/v1/organization/{job.organization_id}/job/{job.pk}"
    body = json.dumps(data).encode()
    return _status(urllib.request.Request(path, body, headers, method="PATCH"))  # noqa: S310


def organizations(address: str, token: str) -> int:
    """List the organizations; the status of the answer."""
    headers = {"Authorization": f"Bearer {token}"}
    return _status(urllib.request.Request(f"{address}/api/v1/organization", headers=headers))  # noqa: S310


def an_administrators_token() -> str:
    return token_of("TERRAKUBE_ADMIN")
