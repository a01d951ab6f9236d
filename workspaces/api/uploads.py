"""Uploaded sources, by the part of Terraform's cloud protocol that they need: make room, then PUT the archive there."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from rest_framework.request import Request
from rest_framework.response import Response

from terrakube_site.http.body_doors import Door
from terrakube_site.http.error_response import error_response
from workspaces.api.authentication import admit_caller
from workspaces.api.errors import InvalidValue, NotThere, denying
from workspaces.api.jsonapi.views import ApiView
from workspaces.api.service_errors import status_of
from workspaces.errors import ServiceError
from workspaces.models import ConfigurationVersion, Workspace
from workspaces.services.sources import create_configuration_version, store_source

UPLOAD_SECONDS = 3600
_signer = TimestampSigner(salt="configuration-version-upload")


def _document(version: ConfigurationVersion, *, uploaded: bool) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "auto-queue-runs": version.auto_queue_runs,
        "error": None,
        "error-message": None,
        "source": "tfe-api",
        "speculative": version.speculative,
        "status": "uploaded" if uploaded else "pending",
    }
    if not uploaded:
        # Terraform sends no token with the archive, so the address itself is the permission.
        token = _signer.sign(str(version.pk)).partition(":")[2]
        attributes["upload-url"] = (
            f"{settings.PUBLIC_URL}/remote/tfe/v2/configuration-versions/{version.pk}?token={token}"
        )
    return {"data": {"id": str(version.pk), "type": "configuration-versions", "attributes": attributes}}


class NewVersionView(ApiView):
    """``POST …/workspaces/W/configuration-versions``."""

    def post(self, request: Request, workspace_id: UUID) -> Response:
        visible = Workspace.objects.visible_to(self.actor).alive().select_related("organization")
        workspace = visible.filter(pk=workspace_id).first()
        if workspace is None:
            raise NotThere(f"Unknown identifier {workspace_id} for workspace")
        data = request.data.get("data") if isinstance(request.data, dict) else None
        given = data.get("attributes") if isinstance(data, dict) else None
        flags = given if isinstance(given, dict) else {}
        with denying("Create"):
            version = create_configuration_version(
                workspace,
                by=self.actor,
                speculative=_flag(flags, "speculative"),
                auto_queue_runs=_flag(flags, "auto-queue-runs"),
            )
        return Response(_document(version, uploaded=False), status=HTTPStatus.CREATED)


def _flag(attributes: dict[str, Any], name: str) -> bool:
    value = attributes.get(name)
    if value is not None and type(value) is not bool:
        raise InvalidValue(value, f"{name} is true or false")
    return bool(value)


class VersionView(ApiView):
    """``GET …/configuration-versions/V``: whether its archive has arrived."""

    def get(self, request: Request, version_id: UUID) -> Response:
        mine = Workspace.objects.visible_to(self.actor)
        versions = ConfigurationVersion.objects.filter(pk=version_id, workspace__in=mine).defer("content")
        version = versions.first()
        if version is None:
            raise NotThere(f"Unknown identifier {version_id} for configuration-version")
        uploaded = versions.filter(content__isnull=False).exists()
        return Response(_document(version, uploaded=uploaded))


_read = VersionView.as_view()


@csrf_exempt
@require_http_methods(["PUT"])
def upload(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """Keep the archive; its signed address is the permission."""
    version = _version_at_address(request, version_id)
    if isinstance(version, HttpResponse):
        return version
    # One byte more than is allowed is enough to know; the body's own limit is meant for forms.
    content = request.read(settings.MAX_SOURCE_BYTES + 1)
    if len(content) > settings.MAX_SOURCE_BYTES:
        return error_response(f"The source is larger than {settings.MAX_SOURCE_BYTES // 2**20} MiB.", 413)
    try:
        store_source(version, content)
    except ServiceError as error:
        return error_response(error.message, status_of(error))
    return HttpResponse(status=HTTPStatus.OK)


def _version_at_address(request: HttpRequest, version_id: UUID) -> ConfigurationVersion | HttpResponse:
    """Return the version that a signed address is for, or why nothing can be put there."""
    try:
        _signer.unsign(f"{version_id}:{request.GET.get('token', '')}", max_age=UPLOAD_SECONDS)
    except BadSignature:
        return error_response("This address is not, or no longer, one for an upload.", 403)
    versions = ConfigurationVersion.objects.filter(pk=version_id)
    if versions.filter(content__isnull=False).exists():
        return error_response("This configuration version already has an archive.", 409)
    return versions.first() or error_response("There is no such configuration version.", 404)


def _admit(request: HttpRequest, arguments: Mapping[str, Any]) -> HttpResponse | None:
    if request.method != "PUT":
        return admit_caller(request, arguments)
    found = _version_at_address(request, **arguments)
    return found if isinstance(found, HttpResponse) else None


def version(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """One address for both: the archive is put without a token, and asked about with one."""
    return upload(request, version_id) if request.method == "PUT" else _read(request, version_id=version_id)


version.door = Door(limit=settings.MAX_SOURCE_BYTES, admit=_admit)  # type: ignore[attr-defined]


app_name = "uploads"
urlpatterns = [
    path("workspaces/<uuid:workspace_id>/configuration-versions", NewVersionView.as_view(), name="create"),
    path("configuration-versions/<uuid:version_id>", csrf_exempt(version), name="version"),
]
