"""Examples of records and bodies, built from the attributes of their types."""

from __future__ import annotations

from workspaces.api.jsonapi.attributes import Attribute, Kind, Writing, is_readable
from workspaces.api.jsonapi.resource import Relationship, Resource
from workspaces.api.openapi.parts import Part

ID = "23a2a9db-0000-4000-8000-000000000000"
_MOMENT = "2026-11-24T19:01Z"
_FLOW = "ZmxvdzoKICAtIHt0eXBlOiB0ZXJyYWZvcm1QbGFuLCBuYW1lOiBQbGFuLCBzdGVwOiAxMDB9Cg=="
_NAMED: dict[str, object] = {
    "branch": "main",
    "createdBy": "ann@example.org",
    "cron": "0 0 20 ? * FRI",
    "description": "Networks of all regions",
    "incomplete": False,
    "key": "region",
    "setting": "EPHEMERAL_MEMORY_LIMIT",
    "source": "https://git.example/network.git",
    "tagId": ID,
    "tcl": _FLOW,
    "templateId": ID,
    "templateReference": ID,
    "terraformVersion": "1.11.4",
    "updatedBy": "ann@example.org",
    "value": "eu-1",
}
"""Of attributes that say the same in every type that has them."""
_OF_TYPE: dict[str, dict[str, object]] = {
    "address": {"name": "module.net.aws_vpc.main"},
    "cluster": {"name": "east", "namespace": "terrakube-steps", "organizationIds": []},
    "drift": {"status": "drifted", "deletedResources": ["aws_instance.web"], "resourceCount": 1},
    "history": {"output": f"https://terrakube.example/tfstate/v1/organization/{ID}/workspace/{ID}/state/{ID}.json"},
    "job_comment": {"text": "Two databases are new: is that meant?"},
    "notification_configuration": {"channelType": "WEBHOOK", "destinationUrl": "https://hooks.example/terrakube"},
    "notification_trigger": {"jobStatus": "waitingApproval"},
    "policyrule": {"value": None, "maximum": "8Gi"},
    "recovered_state": {
        "output": f"https://terrakube.example/tfstate/v1/organization/{ID}/workspace/{ID}/recovered/{ID}.tfstate",
        "status": "recovered",
    },
    "runlimits": {"runningSteps": 4},
    "step": {
        "status": "completed",
        "output": f"https://terrakube.example/tfoutput/v1/organization/{ID}/job/1/step/{ID}",
    },
    "team": {"name": "DEVELOPERS", "manageWorkspace": True, "planJob": True},
}
REFUSED: dict[str, object] = {
    "meta": {
        "newlyRefused": {
            "total": 1,
            "workspaces": [
                {
                    "id": ID,
                    "name": "network",
                    "organization": "acme",
                    "why": ["EPHEMERAL_MEMORY_LIMIT: 16Gi is more than the policy of the installation allows: 8Gi."],
                }
            ],
        }
    }
}
"""The answer to a change of a policy rule that newly refuses a workspace."""
_NEEDED = {
    "job": {"templateReference"},
    "notification_configuration": {"workspace"},
    "runlimits": {"workspace"},
    "schedule": {"templateReference"},
    "template": {"tcl"},
}
"""The attribute or relationship that most clients send, where a new record needs one of two."""
_CHANGES: dict[str, dict[str, object]] = {
    "access": {"planJob": True},
    "project_access": {"planJob": True},
    "drift": {"bringBack": True},
    "job": {"status": "cancelled"},
    "notification_configuration": {"active": False},
    "notification_trigger": {"jobStatus": "drifted"},
    "policyrule": {"reason": "Nodes have no more"},
    "recovered_state": {"status": "discarded", "reason": "Nothing was made"},
    "runlimits": {"runningSteps": 2},
    "schedule": {"enabled": False},
    "tag": {"name": "production"},
    "team": {"approveJob": True},
    "variable": {"value": "eu-2"},
    "globalvar": {"value": "eu-2"},
    "item": {"value": "eu-2"},
    "webhook": {"migratedV2": True},
    "webhook_event": {"branch": "main,release/.*"},
    "workspace": {"branch": "release", "terraformVersion": "1.12.2"},
    "workspacetag": {"tagId": ID},
}
"""What a change of each type mostly is; a new description for those that are not named."""


def _sample(resource: Resource, attribute: Attribute) -> object:
    own = _OF_TYPE.get(resource.type, {})
    if attribute.name in own:
        return own[attribute.name]
    if attribute.name in _NAMED:
        return _NAMED[attribute.name]
    if attribute.kind is Kind.DATE:
        return _MOMENT
    if attribute.choices and not attribute.nullable:
        return attribute.choices[0]
    # Nullable attributes are mostly null.
    if attribute.nullable and not attribute.required:
        return None
    samples: dict[Kind, object] = {Kind.FLAG: False, Kind.NUMBER: 1, Kind.TEXTS: []}
    return samples.get(attribute.kind, "example")


def _id(type_name: str) -> str:
    return "1" if type_name == "job" else ID


def _link(relationship: Relationship) -> Part:
    return {"data": {"type": relationship.type, "id": _id(relationship.type)}}


def record(resource: Resource) -> Part:
    """Return an example of a record as it is read."""
    links: Part = {}
    for name, found in resource.relationships.items():
        links[name] = (
            {"data": []} if found.many and not found.single else _link(found) if found.required else {"data": None}
        )
    return {
        "type": resource.type,
        "id": _id(resource.type),
        "attributes": {
            key: _sample(resource, value) for key, value in resource.attributes.items() if is_readable(value)
        },
        "relationships": links,
    }


def new(resource: Resource, by: Relationship | None) -> Part:
    """Return the smallest body that creates a record, below ``by`` where the path names its owner."""
    own, needed = _OF_TYPE.get(resource.type, {}), _NEEDED.get(resource.type, set())
    attributes = {
        key: _sample(resource, value)
        for key, value in resource.attributes.items()
        if value.writing is not Writing.NEVER and (value.required or key in needed or own.get(key) is not None)
    }
    data: Part = {"type": resource.type, "attributes": attributes}
    links = {
        key: _link(value)
        for key, value in resource.relationships.items()
        if (value.required or key in needed) and (by is None or value.field != by.field)
    }
    return {"data": data | ({"relationships": links} if links else {})}


def changed(resource: Resource) -> Part:
    """Return a body that changes a record: its id, and only the changed values."""
    attributes = _CHANGES.get(resource.type, {"description": _NAMED["description"]})
    return {"data": {"type": resource.type, "id": _id(resource.type), "attributes": attributes}}


def of_answers(resources: list[Resource]) -> Part:
    """Return an example of each type's record, and of a list of them, under the type's name; answers refer to these."""
    found: Part = {}
    for resource in resources:
        one = record(resource)
        found[resource.type] = {"summary": f"One {resource.type}", "value": {"data": one}}
        found[f"{resource.type}-list"] = {"summary": f"A list of {resource.type}", "value": {"data": [one]}}
    return found
