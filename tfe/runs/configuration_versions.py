"""Uploaded configurations: make room, look whether the archive has arrived, download and remove it."""

from __future__ import annotations

from http import HTTPStatus

from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext_noop as _
from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import body_of
from tfe.documents import Json, document, moments, page_document, resource, to_one
from tfe.errors import NotFound
from tfe.lookup import key_of, workspace_of
from tfe.runs.upload_address import upload_address
from tfe.views import TfeView
from workspaces.actors import Actor
from workspaces.models import ConfigurationVersion, Workspace
from workspaces.permissions import require_permission
from workspaces.services.sources import archive_source, create_configuration_version

DOWNLOAD = _("download an uploaded source")


def versions() -> QuerySet[ConfigurationVersion]:
    """Return uploads without their archives, with whether they have one."""
    found = ConfigurationVersion.objects.select_related("workspace__organization").defer("content")
    return found.annotate(uploaded=Q(content__isnull=False))


def visible_version(actor: Actor, key: str) -> ConfigurationVersion:
    """Return an upload to a visible workspace by its id. Raises NotFound."""
    mine = Workspace.objects.visible_to(actor).alive()
    found = versions().filter(pk=key_of(key), workspace__in=mine).first()
    if found is None:
        raise NotFound
    return found


def version_object(version: ConfigurationVersion, *, address: bool = False) -> Json:
    """Return an upload; with ``address``, where its archive is to be put."""
    uploaded = bool(getattr(version, "uploaded", False))
    status = "archived" if version.archived else "uploaded" if uploaded else "pending"
    times = {} if status == "pending" else {f"{status}_at": version.updated_date}
    attributes = {
        "auto-queue-runs": version.auto_queue_runs,
        "error": None,
        "error-message": None,
        "provisional": version.provisional,
        "source": "tfe-api",
        "speculative": version.speculative,
        "status": status,
        "status-timestamps": moments(queued_at=version.created_date, **times),
    }
    if address:
        attributes["upload-url"] = upload_address(version)
    return resource(
        "configuration-versions", version.pk, attributes, {"workspace": to_one("workspaces", version.workspace_id)}
    )


class VersionsView(TfeView):
    """``workspaces/ID/configuration-versions``."""

    def get(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        rows = versions().filter(workspace=workspace).order_by("-created_date", "pk")
        return Response(page_document(request, rows, lambda found: [version_object(row) for row in found]))

    def post(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        body = body_of(request, "configuration-versions", required=False)
        version = create_configuration_version(
            workspace,
            by=self.actor,
            speculative=body.flag("speculative"),
            auto_queue_runs=body.flag("auto-queue-runs"),
            provisional=body.flag("provisional"),
        )
        return Response(document(version_object(version, address=True)), status=HTTPStatus.CREATED)


class VersionView(TfeView):
    """``configuration-versions/ID``: whether its archive has arrived."""

    def get(self, request: Request, version_id: str) -> Response:
        return Response(document(version_object(visible_version(self.actor, version_id))))


class DownloadView(TfeView):
    """``configuration-versions/ID/download``: the archive, for who may plan with it and so may read it in a job."""

    def get(self, request: Request, version_id: str) -> HttpResponseBase:
        version = visible_version(self.actor, version_id)
        workspace = version.workspace
        require_permission(self.actor, workspace.organization, "plan_job", action=DOWNLOAD, workspace=workspace)
        content = ConfigurationVersion.objects.values_list("content", flat=True).get(pk=version.pk)
        if content is None:
            raise NotFound
        response = HttpResponse(content, content_type="application/octet-stream")
        response["Cache-Control"] = "no-store"
        response["Content-Disposition"] = f'attachment; filename="{version.pk}.tar.gz"'
        return response


class ArchiveView(TfeView):
    """``configuration-versions/ID/actions/archive``."""

    def post(self, request: Request, version_id: str) -> Response:
        archive_source(visible_version(self.actor, version_id), by=self.actor)
        return Response(status=HTTPStatus.ACCEPTED)
