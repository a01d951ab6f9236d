"""Sets of variables: collections, and the workspaces that use them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import Body, Related, body_of, related_of
from tfe.documents import Json, asked_includes, document, page_document
from tfe.errors import Invalid, NotFound
from tfe.lookup import key_of, organization_of, workspace_of
from tfe.project_keys import project_of
from tfe.variables.documents import set_objects, variable_object
from tfe.variables.input import new_variable
from tfe.views import TfeView
from workspaces.actors import Actor
from workspaces.models import Collection, Item, Workspace
from workspaces.services.collections import add_workspaces, remove_workspaces, replace_workspaces
from workspaces.services.records import create_record, delete_record, require_right, update_record

_TEXTS = {"name": 128, "description": 512}


def set_of(actor: Actor, key: str) -> Collection:
    """Return a visible set by its id. Raises NotFound."""
    visible = Collection.objects.visible_to(actor).filter(organization__disabled=False)
    found: Collection | None = visible.select_related("organization").filter(pk=key_of(key)).first()
    if found is None:
        raise NotFound
    return found


def _fields(body: Body) -> dict[str, Any]:
    """Return the fields that a request sets. Raises Invalid for what a collection cannot be."""
    if body.flag("global"):
        raise Invalid(
            "A set counts in the workspaces that it names, not in all. Use variables of the organization for all.",
            "/data/attributes/global",
        )
    if body.flag("priority"):
        raise Invalid(
            "A workspace's own variables replace those of sets, so no set can have priority over them.",
            "/data/attributes/priority",
        )
    return {name: body.text(name, longest=most) for name, most in _TEXTS.items() if name in body}


def _workspaces(actor: Actor, named: list[Related] | None) -> list[Workspace]:
    return [workspace_of(actor, one.key) for one in named or ()]


class _ListOfSets(TfeView):
    def page(self, request: Request, found: QuerySet[Collection]) -> Response:
        if text := request.query_params.get("q", ""):
            found = found.filter(name__icontains=text)
        rows = found.select_related("organization").order_by("name", "pk")
        return Response(page_document(request, rows, self._objects, lambda rows: _included(request, rows, self.actor)))

    def _objects(self, rows: list[Any]) -> list[Json]:
        return set_objects(rows, self.actor)


def _included(request: Request, rows: list[Collection], actor: Actor) -> list[Json]:
    if "vars" not in asked_includes(request):
        return []
    return [variable_object(row) for row in Item.objects.visible_to(actor).filter(collection__in=rows)]


class SetsView(_ListOfSets):
    """``organizations/O/varsets``."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        return self.page(request, Collection.objects.visible_to(self.actor).filter(organization=organization))

    def post(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        require_right(Collection(organization=organization), by=self.actor, verb="create")
        body = body_of(request, "varsets")
        fields = _fields(body)
        if not fields.get("name"):
            raise Invalid("A set needs a name.", "/data/attributes/name")
        _refuse_projects(body.related_many("projects"))
        with transaction.atomic():
            found = create_record(Collection(organization=organization, **fields), by=self.actor)
            for one in body.related_many("vars") or ():
                create_record(Item(collection=found, **new_variable(Body(one.attributes, {}))), by=self.actor)
            add_workspaces(found, _workspaces(self.actor, body.related_many("workspaces")), by=self.actor)
        return Response(document(set_objects([found], self.actor)[0]), status=HTTPStatus.CREATED)


class WorkspaceSetsView(_ListOfSets):
    """``workspaces/ID/varsets``."""

    def get(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        return self.page(request, Collection.objects.filter(references__workspace=workspace))


class ProjectSetsView(_ListOfSets):
    """``projects/ID/varsets``: none, since a set names workspaces."""

    def get(self, request: Request, project_id: str) -> Response:
        project_of(self.actor, project_id)
        return self.page(request, Collection.objects.none())


class SetView(TfeView):
    """``varsets/ID``."""

    def get(self, request: Request, varset_id: str) -> Response:
        return self._answer(request, set_of(self.actor, varset_id))

    def patch(self, request: Request, varset_id: str) -> Response:
        found = set_of(self.actor, varset_id)
        require_right(found, by=self.actor, verb="change")
        body = body_of(request, "varsets")
        fields, named = _fields(body), body.related_many("workspaces")
        _refuse_projects(body.related_many("projects"))
        with transaction.atomic():
            if fields:
                update_record(found, fields, by=self.actor)
            if named is not None:
                replace_workspaces(found, _workspaces(self.actor, named), by=self.actor)
        return self._answer(request, found)

    def delete(self, request: Request, varset_id: str) -> Response:
        delete_record(set_of(self.actor, varset_id), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)

    def _answer(self, request: Request, found: Collection) -> Response:
        return Response(document(set_objects([found], self.actor)[0], _included(request, [found], self.actor)))


class SetWorkspacesView(TfeView):
    """``varsets/ID/relationships/workspaces``."""

    def post(self, request: Request, varset_id: str) -> Response:
        found = set_of(self.actor, varset_id)
        require_right(found, by=self.actor, verb="change")
        add_workspaces(found, _workspaces(self.actor, related_of(request)), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)

    def delete(self, request: Request, varset_id: str) -> Response:
        found = set_of(self.actor, varset_id)
        require_right(found, by=self.actor, verb="change")
        remove_workspaces(found, _workspaces(self.actor, related_of(request)), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)


class SetProjectsView(TfeView):
    """``varsets/ID/relationships/projects``, which no set has."""

    def post(self, request: Request, varset_id: str) -> Response:
        require_right(set_of(self.actor, varset_id), by=self.actor, verb="change")
        _refuse_projects(related_of(request))
        return Response(status=HTTPStatus.NO_CONTENT)

    delete = post


def _refuse_projects(named: list[Related] | None) -> None:
    if named:
        raise Invalid(
            "A set counts in the workspaces that it names. Name the project's workspaces instead of the project.",
            "/data/relationships/projects",
        )
