"""Several changes at once, all or none: JSON:API's atomic operations, as Terrakube's provider sends them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from workspaces.access import Actor
from workspaces.api import paths, views
from workspaces.api.documents import Document, resource_objects
from workspaces.api.errors import BadRequest, InvalidValue
from workspaces.api.paths import Collection, Element, Target

MAX_OPERATIONS = 100
_PREFIX = "/api/v1/"
_MEMBERS = ("op", "href", "ref", "data")


class OperationsView(views.ApiView):
    """``POST /api/v1/operations``."""

    def post(self, request: Request) -> Response:
        body = request.data
        operations = body.get("atomic:operations") if isinstance(body, dict) else None
        if not isinstance(operations, list) or not operations:
            raise BadRequest("Invalid value: the document has no atomic:operations")
        if len(operations) > MAX_OPERATIONS:
            raise BadRequest(f"Invalid value: there are more than {MAX_OPERATIONS} operations")
        with transaction.atomic():
            results = [_do(operation, self.actor) for operation in operations]
        return Response({"atomic:results": results}, status=HTTPStatus.OK)


def _do(operation: Any, actor: Actor) -> Document:
    """Do one operation, and say what it led to. Raises what a request of its own would."""
    if not isinstance(operation, dict):
        raise InvalidValue(operation, "an operation is an object")
    for name in operation:
        if name not in _MEMBERS:
            raise InvalidValue(name, f"an operation has {', '.join(_MEMBERS)}")
    target = _target(operation, actor)
    document = {"data": operation.get("data")}
    match operation.get("op"), target:
        case "add", Collection():
            record = views.create(target, document, actor)
            return {"data": resource_objects(target.resource, [record], actor)[0]}
        case "update", Element():
            views.update(target, document, actor)
        case "remove", Element():
            views.delete(target, actor)
        case op, _:
            raise InvalidValue(op, "add with the address of a collection, or update or remove with that of a record")
    return {"data": None}


def _target(operation: dict[str, Any], actor: Actor) -> Target:
    href, ref, data = operation.get("href"), operation.get("ref"), operation.get("data")
    if href is None:
        named = ref if ref is not None else data
        if not isinstance(named, dict):
            raise InvalidValue(named, "an operation without href has a ref, or data with type and id")
        parts = [named.get("type")] if operation.get("op") == "add" else [named.get("type"), named.get("id")]
        href = "/".join(str(part) for part in parts)
    if not isinstance(href, str):
        raise InvalidValue(href, "href is text")
    path = href.removeprefix(_PREFIX)
    target = paths.find(path, actor)
    # An update may name the collection and have the id in its data alone.
    if operation.get("op") == "update" and isinstance(target, Collection) and isinstance(data, dict):
        return paths.find(f"{path}/{data.get('id')}", actor)
    return target
