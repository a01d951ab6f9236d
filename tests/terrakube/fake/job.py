"""Its job data, read as strictly as the real one reads it, and the resources that it echoes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

_FIELDS = frozenset({
    "commandList", "onFailureList", "type", "organizationId", "workspaceId", "jobId", "stepId", "terraformVersion",
    "source", "branch", "folder", "vcsType", "connectionType", "refresh", "refreshOnly", "showHeader", "ignoreError",
    "accessToken", "moduleSshKey", "commitId", "tofu", "environmentVariables", "variables", "agentUrl",
})  # fmt: skip
_COMMAND_FIELDS = frozenset({"runtime", "script", "priority", "before", "after", "beforeInit", "verbose"})
_SINCE = {"connectionType": (2, 23), "ignoreError": (2, 24), "onFailureList": (2, 30)}
_ECHOED = (
    "output", "status", "terraformPlan", "tcl", "planChanges", "approvalTeam", "templateReference", "commitId",
)  # fmt: skip


class Hangs(Exception):
    """The real executor logs a line here and hangs for ever."""


def _known(fields: frozenset[str], since: Mapping[str, tuple[int, int]], version: tuple[int, int]) -> set[str]:
    return {name for name in fields if since.get(name, version) <= version}


def read(text: str, version: tuple[int, int]) -> dict[str, Any]:
    """The job data. Raises ValueError for what is no base64, and Hangs for a field that this version does not know."""
    data: dict[str, Any] = json.loads(base64.b64decode(text, validate=True))
    if unknown := data.keys() - _known(_FIELDS, _SINCE, version):
        raise Hangs(f"Unrecognized field {sorted(unknown)}")
    commands = [*(data.get("commandList") or ()), *(data.get("onFailureList") or ())]
    for command in commands:
        if unknown := command.keys() - _known(_COMMAND_FIELDS, {"beforeInit": (2, 28)}, version):
            raise Hangs(f"Unrecognized field {sorted(unknown)}")
    return data


def echo(job: Mapping[str, Any], version: tuple[int, int], **changes: Any) -> dict[str, Any]:
    """The whole job as it is written back: the attributes that it knows, with changes, and the relationships."""
    names = (*_ECHOED, "overrideSource") if version >= (2, 31) else _ECHOED
    attributes = {name: job["attributes"].get(name) for name in names}
    relationships = {
        name: {"data": job["relationships"][name]["data"]} for name in ("organization", "workspace", "step")
    }
    body = {"type": "job", "id": job["id"], "attributes": attributes | changes, "relationships": relationships}
    return {"data": body}
