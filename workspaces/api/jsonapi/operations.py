"""Several changes at once, all or none: JSON:API's atomic operations, as Terrakube's provider sends them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from workspaces.actors import Actor
from workspaces.api.errors import BadRequest, InvalidValue, absent
from workspaces.api.jsonapi import paths, views
from workspaces.api.jsonapi.documents import Document, resource_objects
from workspaces.api.jsonapi.paths import Collection, Element, Nothing, Target
from workspaces.variables.pod_settings_check import checked_together

MAX_OPERATIONS = 100
_PREFIX = "/api/v1/"
_MEMBERS = ("op", "href", "ref", "data")
_TOLERATED = frozenset({"relationships", "meta"})
"""What Terrakube's clients put beside them; relationships count within the data alone."""


class OperationsView(views.ApiView):
    """``POST /api/v1/operations``."""

    def post(self, request: Request) -> Response:
        body = request.data
        operations = body.get("atomic:operations") if isinstance(body, dict) else None
        if not isinstance(operations, list) or not operations:
            raise BadRequest("Invalid value: the document has no atomic:operations")
        if len(operations) > MAX_OPERATIONS:
            raise BadRequest(f"Invalid value: there are more than {MAX_OPERATIONS} operations")
        made: Made = {}
        with checked_together():
            results = [_do(operation, self.actor, made) for operation in operations]
        return Response({"atomic:results": results}, status=HTTPStatus.OK)


type Made = dict[tuple[str, str], str]
"""The ids of the records that earlier operations made, by their type and the ``lid`` that the client gave them."""


def _with_id(data: Any, made: Made) -> Any:
    """Return a resource object or identifier with the id that its ``lid`` stands for. Raises InvalidValue."""
    if not isinstance(data, dict) or "lid" not in data:
        return data
    type_name, local = data.get("type"), data["lid"]
    if not isinstance(type_name, str) or not isinstance(local, str) or (type_name, local) not in made:
        raise InvalidValue(local, "a lid is that of a record which an operation before this one adds")
    return {name: value for name, value in data.items() if name != "lid"} | {"id": made[type_name, local]}


def _with_ids(operation: dict[str, Any], made: Made) -> dict[str, Any]:
    """Replace the local ids in an operation's reference and relationships by real ones."""
    data = operation.get("data")
    if isinstance(data, dict):
        if operation.get("op") != "add":
            data = _with_id(data, made)
        links = data.get("relationships")
        if isinstance(links, dict):
            data = data | {
                "relationships": {
                    name: link | {"data": _with_id(link["data"], made)}
                    if isinstance(link, dict) and isinstance(link.get("data"), dict)
                    else link
                    for name, link in links.items()
                }
            }
    return operation | {"data": data} | ({"ref": _with_id(operation["ref"], made)} if "ref" in operation else {})


def _do(operation: Any, actor: Actor, made: Made) -> Document:
    """Execute one operation and return its result. Raises what a request of its own would."""
    if not isinstance(operation, dict):
        raise InvalidValue(operation, "an operation is an object", secret=True)
    for name in operation:
        if name not in _MEMBERS and name not in _TOLERATED:
            raise InvalidValue(name, f"an operation has {', '.join(_MEMBERS)}")
    operation = _with_ids(operation, made)
    target = _target(operation, actor)
    document = {"data": operation["data"]}
    match operation.get("op"), target:
        case "add", Collection():
            record = views.create(target, document, actor)
            _keep_local_id(operation["data"], target.resource.type, str(record.pk), made)
            data = resource_objects(target.resource, [record], actor)[0]
            return {"data": data, **views.notices(record), **views.told(target.resource, record)}
        case "update", Element():
            views.update(target, document, actor)
            return {"data": None, **views.notices(target.record), **views.told(target.resource, target.record)}
        case "remove", Element():
            views.delete(target, actor)
        case op, _:
            if isinstance(target, Nothing) and (missing := absent(target.relationship.name)):
                raise missing
            raise InvalidValue(op, "add with the address of a collection, or update or remove with that of a record")
    return {"data": None}


def _keep_local_id(data: Any, type_name: str, key: str, made: Made) -> None:
    """Store the id of an added record under its ``lid``. Raises InvalidValue for a ``lid`` in use."""
    local = data.get("lid") if isinstance(data, dict) else None
    if local is None:
        return
    if not isinstance(local, str) or (type_name, local) in made:
        raise InvalidValue(local, "a lid is text, and of one type only one record has it")
    made[type_name, local] = key


def _target(operation: dict[str, Any], actor: Actor) -> Target:
    href, ref, data = operation.get("href"), operation.get("ref"), operation.get("data")
    if href is None:
        named = ref if ref is not None else data
        if not isinstance(named, dict):
            raise InvalidValue(named, "an operation without href has a ref, or data with type and id", secret=True)
        parts = [named.get("type")] if operation.get("op") == "add" else [named.get("type"), named.get("id")]
        href = "/".join(str(part) for part in parts)
    if not isinstance(href, str):
        raise InvalidValue(href, "href is text")
    path = href.removeprefix(_PREFIX)
    change = {"data": data} if operation.get("op") == "update" else None
    target = paths.find(path, actor, change=change)
    # An update may name the collection and give the id only in its data.
    if operation.get("op") == "update" and isinstance(target, Collection) and isinstance(data, dict):
        return paths.find(f"{path}/{data.get('id')}", actor, change=change)
    return target
