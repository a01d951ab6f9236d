"""Documents of state versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from tfe.documents import Json, moment, resource, to_many, to_one
from tfe.identities import user_id
from tfe.outputs import Output
from tfe.states.addresses import JSON_SALT, STATE_SALT, signed
from workspaces.models import StateUpload, StateVersion

_BASE = "/remote/tfe/v2/state-versions"


def version_object(
    version: StateVersion,
    content: Mapping[str, Any] | None = None,
    outputs: Iterable[Output] = (),
    *,
    described: bool = False,
    relative: bool = False,
) -> Json:
    """Return the resource of a version; with the ``content`` of its state also what is read from that.

    ``described`` tells whether its ``show -json`` output is there. ``relative`` leaves the host out of addresses.
    """
    base = _BASE if relative else f"{settings.PUBLIC_URL}{_BASE}"
    attributes: Json = {
        "serial": version.serial,
        "lineage": version.lineage,
        "md5": version.md5,
        "size": version.size or 0,
        "status": "finalized",
        "created-at": moment(version.created_date),
        "hosted-state-download-url": f"{base}/{version.pk}/download",
        "resources-processed": content is not None,
        "intermediate": False,
    }
    if described:
        attributes["hosted-json-state-download-url"] = f"{base}/{version.pk}/json-download"
    if content is not None:
        attributes |= {
            "terraform-version": _text(content.get("terraform_version")),
            "state-version": content.get("version") if type(content.get("version")) is int else 4,
            "resources": _resources(content),
        }
    relations: Json = {
        "workspace": to_one("workspaces", version.workspace_id),
        "run": to_one("runs", f"run-{version.job_id}" if version.job_id is not None else None),
        "created-by": to_one("users", user_id(None, version.created_by) if version.created_by else None),
    }
    if content is not None:
        relations["outputs"] = to_many("state-version-outputs", [output.key for output in outputs])
    return resource("state-versions", version.pk, attributes, relations)


def upload_object(upload: StateUpload, *, new: bool = False) -> Json:
    """Return the resource of a state that has not arrived; the addresses to send it to only in the ``new`` one."""
    attributes: Json = {
        "serial": upload.serial,
        "lineage": upload.lineage,
        "md5": upload.md5,
        "size": 0,
        "status": "discarded" if upload.discarded else "pending",
        "created-at": moment(upload.created_date),
        "resources-processed": False,
        "intermediate": False,
    }
    if new:
        base = f"{settings.PUBLIC_URL}{_BASE}/{upload.pk}"
        attributes |= {
            "hosted-state-upload-url": f"{base}/upload?token={signed(upload.pk, STATE_SALT)}",
            "hosted-json-state-upload-url": f"{base}/json-upload?token={signed(upload.pk, JSON_SALT)}",
        }
    relations = {
        "workspace": to_one("workspaces", upload.workspace_id),
        "run": to_one("runs", f"run-{upload.job_id}" if upload.job_id is not None else None),
        "created-by": to_one("users", user_id(None, upload.created_by) if upload.created_by else None),
    }
    return resource("state-versions", upload.pk, attributes, relations)


def _resources(content: Mapping[str, Any]) -> list[Json]:
    found = content.get("resources")
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    return [
        {
            "name": _text(row.get("name")),
            "type": _text(row.get("type")),
            "count": len(row["instances"]) if isinstance(row.get("instances"), list) else 0,
            "module": _text(row.get("module")) or "root",
            "provider": _text(row.get("provider")),
        }
        for row in rows
        if row.get("mode") != "data"
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
