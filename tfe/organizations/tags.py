"""Tags of an organization: list and delete them, and put one on several workspaces."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from django.db.models import Count, Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import related_of
from tfe.documents import Json, page_document, resource, to_one
from tfe.errors import NotFound
from tfe.lookup import key_of, organization_of, workspace_of
from tfe.views import TfeView
from workspaces.actors import Actor
from workspaces.models import Tag
from workspaces.services.tags import delete_tags, tag_workspaces


def counted(tags: QuerySet[Tag]) -> QuerySet[Tag]:
    """Count the workspaces of each tag; deleted ones do not count."""
    alive = Q(workspace_tags__workspace__deleted=False)
    return tags.select_related("organization").annotate(instances=Count("workspace_tags", filter=alive, distinct=True))


def tag_objects(tags: Iterable[Tag]) -> list[Json]:
    """Return tags that ``counted`` has found."""
    return [
        resource(
            "tags",
            tag.pk,
            {"name": tag.name, "created-at": None, "instance-count": getattr(tag, "instances", 0)},
            {"organization": to_one("organizations", tag.organization.name)},
        )
        for tag in tags
    ]


class OrganizationTagsView(TfeView):
    """``organizations/O/tags``."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        found = Tag.objects.visible_to(self.actor).filter(organization=organization)
        if asked := request.query_params.get("q"):
            found = found.filter(name__icontains=asked)
        if text := request.query_params.get("filter[exclude][taggable][id]"):
            found = found.exclude(pk__in=_of_taggable(text))
        return Response(page_document(request, counted(found).order_by("name"), tag_objects))

    def delete(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        visible = Tag.objects.visible_to(self.actor).filter(organization=organization)
        keys = {key_of(named.key) for named in related_of(request)}
        delete_tags(list(visible.filter(pk__in=keys)), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)


def _of_taggable(text: str) -> QuerySet[Tag]:
    """The tags of a workspace, or the tag itself: clients send either."""
    try:
        key = key_of(text)
    except NotFound:
        return Tag.objects.none()
    return Tag.objects.filter(Q(workspace_tags__workspace=key) | Q(pk=key))


class TagWorkspacesView(TfeView):
    """``tags/ID/relationships/workspaces``."""

    def post(self, request: Request, tag_id: str) -> Response:
        tag = tag_of(self.actor, tag_id)
        workspaces = [workspace_of(self.actor, named.key) for named in related_of(request)]
        tag_workspaces(tag, workspaces, by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)


def tag_of(actor: Actor, key: str) -> Tag:
    """Return a visible tag by its id. Raises NotFound."""
    found: Tag | None = Tag.objects.visible_to(actor).select_related("organization").filter(pk=key_of(key)).first()
    if found is None or found.organization.disabled:
        raise NotFound
    return found
