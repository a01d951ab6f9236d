"""What a terminal sends of a state."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from tests.api.client import Api
from workspaces.models import Workspace

MIXED = {
    "bare": {"value": "bare", "type": "string"},
    "hidden": {"value": "value-of-hidden", "type": "string", "sensitive": True},
    "many": {"value": ["a"], "type": ["list", "string"]},
    "shape": {"value": {"a": 1}, "type": ["object", {"a": "number"}]},
    "yes": {"value": True, "type": "bool"},
}


def state_of(serial: int, lineage: str = "line", outputs: Any = None) -> bytes:
    """A state as terraform writes it."""
    resources = [
        {
            "mode": "managed",
            "type": "terraform_data",
            "name": "a",
            "provider": 'provider["terraform.io/builtin/terraform"]',
            "instances": [{"attributes": {}}],
        }
    ]
    state = {"version": 4, "terraform_version": "1.11.4", "serial": serial, "lineage": lineage}
    return json.dumps(state | {"outputs": outputs or {}, "resources": resources}, indent=2).encode()


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def announcement(content: bytes, **attributes: Any) -> dict[str, Any]:
    """What is sent of a state that will be uploaded; None leaves an attribute out."""
    read = json.loads(content)
    given = {"serial": read["serial"], "lineage": read["lineage"], "md5": md5_of(content)} | attributes
    kept = {name: value for name, value in given.items() if value is not None}
    return {"data": {"type": "state-versions", "attributes": kept}}


def inline(content: bytes, **attributes: Any) -> dict[str, Any]:
    """What is sent of a state with the state itself."""
    return announcement(content, state=base64.b64encode(content).decode(), **attributes)


class Terminal:
    """One caller's view of one workspace; each call gives status and document."""

    def __init__(self, api: Api, workspace: Workspace) -> None:
        api.prefix = "/remote/tfe/v2/"
        self.api, self.workspace = api, workspace

    def call(self, method: str, path: str, sent: Any = None) -> tuple[int, Any]:
        response = self.api.call(method, path.removeprefix("/remote/tfe/v2/"), sent)
        return response.status_code, json.loads(response.content) if response.content else None

    def at(self, method: str, path: str, sent: Any = None) -> tuple[int, Any]:
        return self.call(method, f"workspaces/{self.workspace.pk}/{path}", sent)

    def act(self, name: str) -> tuple[int, str]:
        """Lock, unlock or force-unlock; status and the text of a refusal."""
        status, found = self.at("POST", f"actions/{name}", {"data": {"type": "", "attributes": {"reason": "Locked"}}})
        return status, found["errors"][0]["detail"] if "errors" in found else ""
