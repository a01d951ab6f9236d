"""One view for all resources: find what the path names, do what the method says, answer with a document."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import orjson
from django.db import models, transaction
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from terrakube_site.http.body_doors import Door
from workspaces.actors import Actor
from workspaces.api.authentication import BearerAuthentication, admit_caller
from workspaces.api.errors import NotThere, absent, denying, exception_handler
from workspaces.api.jsonapi import documents, parameters, paths, relationship_keys
from workspaces.api.jsonapi import input as bodies
from workspaces.api.jsonapi.documents import Document
from workspaces.api.jsonapi.media import MAX_BODY_BYTES, DocumentParser, DocumentRenderer
from workspaces.api.jsonapi.parameters import Parameters
from workspaces.api.jsonapi.paths import Collection, Element, Link, Nothing, Target
from workspaces.api.jsonapi.resource import Change, Resource
from workspaces.errors import NotAllowed, WrongState
from workspaces.variables.notices import notice_of


class ApiView(APIView):
    """What every view below /api/v1 has: who may call, the media type, the shape of errors."""

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = (IsAuthenticated,)
    parser_classes = (DocumentParser,)
    renderer_classes = (DocumentRenderer,)
    door = Door(limit=MAX_BODY_BYTES, admit=admit_caller)

    def get_exception_handler(self) -> Any:
        return exception_handler

    @property
    def actor(self) -> Actor:
        return self.request.user


class ResourceView(ApiView):
    """Any path of resources."""

    def get(self, request: Request, path: str) -> Response:
        target = paths.find(path, self.actor)
        if isinstance(target, Nothing):
            return Response({"data": [] if target.relationship.many else None})
        if isinstance(target, Link):
            return Response(link_document(target))
        if isinstance(target, Collection) and target.is_single:
            found = target.to_find().first()
            if found is None:
                return Response({"data": None})
            target = Element(target.resource, found)
        asked = parameters.read(request.query_params, target.resource, many=isinstance(target, Collection))
        if isinstance(target, Element):
            return Response(element_document(target.resource, target.record, self.actor, asked))
        return Response(collection_document(target, self.actor, asked))

    def post(self, request: Request, path: str) -> Response:
        target = paths.find(path, self.actor)
        if not isinstance(target, Collection):
            raise _not_here(target) or MethodNotAllowed("POST")
        asked = parameters.read(request.query_params, target.resource, many=False)
        record = create(target, request.data, self.actor)
        body = element_document(target.resource, record, self.actor, asked, new=True)
        return Response(body | told(target.resource, record), status=HTTPStatus.CREATED)

    def patch(self, request: Request, path: str) -> Response:
        target = paths.find(path, self.actor, change=request.data)
        if isinstance(target, Link):
            update_link(target, request.data, self.actor)
        elif isinstance(target, Element):
            update(target, request.data, self.actor)
            if body := told(target.resource, target.record):
                return Response(body)
        else:
            raise _not_here(target) or MethodNotAllowed("PATCH")
        return Response(status=HTTPStatus.NO_CONTENT)

    def delete(self, request: Request, path: str) -> Response:
        target = paths.find(path, self.actor)
        if not isinstance(target, Element):
            raise _not_here(target) or MethodNotAllowed("DELETE")
        delete(target, self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)


def _not_here(target: Target) -> NotThere | None:
    return absent(target.relationship.name) if isinstance(target, Nothing) else None


# ---- what a method does; operations do the same ---------------------------------------------------------------------


def create(target: Collection, document: Any, actor: Actor) -> models.Model:
    """Make a record in a collection. Raises the API's errors and those of the services."""
    resource = target.resource
    data = bodies.data_of(document, resource)
    owner = {}
    if target.owner is not None and target.relationship is not None:
        owner = {_back(resource, target.relationship.field): target.owner}
    with denying("Create"):
        if resource.create is None:
            raise NotAllowed(f"A {resource.type} is made by the server alone.")
        if target.is_chosen:
            raise NotAllowed(f"A {resource.type} is made elsewhere, and chosen here by PATCH of the relationship.")
        return resource.create(bodies.creation(data, resource, actor, Change(related=owner)), actor)


def _back(resource: Resource, field: str) -> str:
    """Return the name of the relationship that a foreign key of a resource is."""
    for name, relationship in resource.relationships.items():
        if relationship.field == field and not relationship.many:
            return name
    return field


def update(target: Element, document: Any, actor: Actor) -> None:
    """Change a record."""
    resource, record = target.resource, target.record
    data = bodies.data_of(document, resource, key=str(record.pk))
    _update(resource, record, lambda: bodies.change(data, resource, record, actor), actor)


def update_link(target: Link, document: Any, actor: Actor) -> None:
    """Let a relationship lead to another record, or to none. Raises MethodNotAllowed for many that are not chosen."""
    resource, record, relationship = target.resource, target.record, target.relationship
    if relationship.many:
        if not relationship.writable:
            raise MethodNotAllowed("PATCH")
        _update(resource, record, lambda: bodies.links(document, relationship, actor), actor)
        return
    _update(resource, record, lambda: bodies.link(document, resource, record, relationship, actor), actor)


def _update(resource: Resource, record: models.Model, read: Callable[[], Change], actor: Actor) -> None:
    refused: WrongState | None = None
    with denying("Update"), transaction.atomic():
        if resource.update is None:
            raise NotAllowed(f"A {resource.type} is changed by the server alone.")
        try:
            resource.update(record, read(), actor)
        except WrongState as error:
            if not error.keep:
                raise
            refused = error
    if refused is not None:
        raise refused


def delete(target: Element, actor: Actor) -> None:
    """Remove a record."""
    with denying("Delete"), transaction.atomic():
        if target.resource.delete is None:
            raise NotAllowed(f"A {target.resource.type} cannot be deleted.")
        target.resource.delete(target.record, actor)


# ---- answers --------------------------------------------------------------------------------------------------------


def element_document(
    resource: Resource, record: models.Model, actor: Actor, asked: Parameters, *, new: bool = False
) -> Document:
    body: Document = {"data": documents.resource_objects(resource, [record], actor, fields=asked.fields, new=new)[0]}
    if asked.include:
        body["included"] = documents.included(resource, [record], asked.include, actor, fields=asked.fields)
    return body | notices(record)


def notices(record: models.Model) -> Document:
    """What a save of the record tells though it refuses nothing, as a document's ``meta``; empty for nothing."""
    notice = notice_of(record)
    return {"meta": {"notices": [str(notice)]}} if notice else {}


def told(resource: Resource, record: models.Model) -> Document:
    """What a resource tells of a record that was just saved, as a document's ``meta``; empty for nothing."""
    meta = resource.told(record) if resource.told is not None else None
    return {"meta": dict(meta)} if meta else {}


def collection_document(target: Collection, actor: Actor, asked: Parameters) -> Document:
    resource = target.resource
    rows = asked.apply(target.to_list(hidden=asked.asks_for(resource.hides)), root=target.owner is None)
    if (columns := asked.columns(resource)) is not None:
        rows = rows.select_related(None).only(*columns)
    meta: dict[str, Any] | None = None
    if asked.page is not None:
        records, page = asked.page.cut(rows)
        meta = {"page": page}
    else:
        records = list(rows)
    body: Document = {"data": documents.resource_objects(resource, records, actor, fields=asked.fields)}
    if asked.include:
        body["included"] = documents.included(resource, records, asked.include, actor, fields=asked.fields)
    if meta is not None:
        body["meta"] = meta
    return body


def link_document(target: Link) -> Document:
    """Return a relationship's identifiers."""
    relationship, record = target.relationship, target.record
    if not relationship.type:
        return {"data": [] if relationship.many else None}
    if relationship.many:
        joined = relationship_keys.joined_keys(relationship, [record.pk]).get(record.pk, "")
        if relationship.single:
            return {"data": documents.identifier(relationship.type, joined) if joined else None}
        return {"data": orjson.Fragment(relationship_keys.identifiers(relationship.type, joined))}
    key = getattr(record, f"{relationship.field}_id")
    return {"data": None if key is None else documents.identifier(relationship.type, key)}
