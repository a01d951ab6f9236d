"""Tags of a workspace: as names, which tofu and older clients know, and as bindings of a key to a value."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import Body, Related, related_of
from tfe.documents import Json, page_document, resource, whole_document
from tfe.errors import Invalid
from tfe.lookup import key_of, workspace_of
from tfe.organizations.tags import counted, tag_objects
from tfe.views import TfeView
from tfe.workspaces.documents import tags_of
from workspaces.models import Tag, WorkspaceTag
from workspaces.services.tags import tag_workspace, untag_workspace


def sent_tags(body: Body) -> dict[str, str | None]:
    """Return the tags of a document: names, and keys with their values; a name alone leaves a value as it is."""
    found: dict[str, str | None] = dict.fromkeys(
        _text(one, "name") for one in body.related_many("tags") or [] if one.attributes
    )
    return found | _pairs(body.related_many("tag-bindings") or [])


def _pairs(sent: Iterable[Related]) -> dict[str, str | None]:
    return {_text(one, "key"): _text(one, "value") for one in sent}


def _text(sent: Related, name: str) -> str:
    value = sent.attributes.get(name)
    if not isinstance(value or "", str) or "\0" in (value or ""):
        raise Invalid(f"The {name} of a tag is text.")
    return value or ""


def binding_objects(tags: Iterable[WorkspaceTag], kind: str = "tag-bindings") -> list[Json]:
    """Return tags as bindings; one without a value has an empty one."""
    return [resource(kind, row.pk, {"key": row.tag.name, "value": row.value}) for row in tags]


class TagBindingsView(TfeView):
    """``workspaces/ID/tag-bindings``."""

    def get(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        return Response(whole_document(binding_objects(tags_of([workspace])[workspace.pk])))

    def patch(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        given = tag_workspace(workspace, _pairs(related_of(request)), by=self.actor)
        return Response(whole_document(binding_objects(given)))


class EffectiveTagBindingsView(TfeView):
    """``workspaces/ID/effective-tag-bindings``."""

    def get(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        found = binding_objects(tags_of([workspace])[workspace.pk], "effective-tag-bindings")
        return Response(whole_document(found))


class WorkspaceTagsView(TfeView):
    """``workspaces/ID/relationships/tags``."""

    def get(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        found = Tag.objects.filter(pk__in=workspace.workspace_tags.values("tag"))
        return Response(page_document(request, counted(found).order_by("name"), tag_objects))

    def post(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        sent = related_of(request)
        known = dict(workspace.organization.tags.visible_to(self.actor).values_list("pk", "name"))
        names = [known.get(key_of(one.key), "") if one.key else _text(one, "name") for one in sent]
        if not all(names):
            raise Invalid("A tag is named by the id of one that is there, or by its name.", "/data")
        tag_workspace(workspace, dict.fromkeys(names), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)

    def delete(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        sent = related_of(request)
        names = {_text(one, "name") for one in sent if not one.key}
        untag_workspace(workspace, names=names, keys={key_of(one.key) for one in sent if one.key}, by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)
