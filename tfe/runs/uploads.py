"""``PUT configuration-versions/ID``: keep the archive that is put to its signed address."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from terrakube_site.http.body_doors import Door
from terrakube_site.http.error_response import error_response
from tfe.runs.configuration_versions import VersionView
from tfe.runs.upload_address import is_address_of
from workspaces.api.authentication import admit_caller
from workspaces.api.service_errors import status_of
from workspaces.errors import ServiceError
from workspaces.jobs.acting import actor_behind
from workspaces.models import ConfigurationVersion
from workspaces.services.cli_runs import queue_run
from workspaces.services.sources import store_source

_read = VersionView.as_view()


@csrf_exempt
@require_http_methods(["PUT"])
def upload(request: HttpRequest, version_id: str) -> HttpResponse:
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
        if version.auto_queue_runs:
            queue_run(version, by=actor_behind(version))
    except ServiceError as error:
        return error_response(error.message, status_of(error))
    return HttpResponse(status=HTTPStatus.OK)


def _version_at_address(request: HttpRequest, version_id: str) -> ConfigurationVersion | HttpResponse:
    """Return the version that a signed address is for, or why nothing can be put there."""
    try:
        key = UUID(version_id)
    except ValueError:
        return error_response("There is no such configuration version.", 404)
    if not is_address_of(key, request.GET.get("token", "")):
        return error_response("This address is not, or no longer, one for an upload.", 403)
    versions = ConfigurationVersion.objects.filter(pk=key).select_related("workspace__organization").defer("content")
    return versions.first() or error_response("There is no such configuration version.", 404)


def _admit(request: HttpRequest, arguments: Mapping[str, Any]) -> HttpResponse | None:
    if request.method != "PUT":
        return admit_caller(request, arguments)
    found = _version_at_address(request, **arguments)
    return found if isinstance(found, HttpResponse) else None


@csrf_exempt
def version(request: HttpRequest, version_id: str) -> HttpResponseBase:
    """One address for both: the archive is put without a token, and asked about with one."""
    return upload(request, version_id) if request.method == "PUT" else _read(request, version_id=version_id)


version.door = Door(limit=settings.MAX_SOURCE_BYTES, admit=_admit)  # type: ignore[attr-defined]
