"""State versions: list, read, write, roll back, download."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from executors.attempts.state_tokens import RunUser
from terrakube_site.http.body_doors import Door
from tfe.body import Body, body_of
from tfe.documents import Json, asked_includes, document, page_document
from tfe.errors import Conflict, Invalid, NotFound
from tfe.lookup import number_of, readable_workspace, workspace_named
from tfe.outputs import output_object, outputs_of, read_content
from tfe.state_rights import require_state_right
from tfe.states.access import (
    readable_at_start,
    readable_upload,
    readable_version,
    versions_without_content,
)
from tfe.states.documents import upload_object, version_object
from tfe.views import TfeView, with_headers
from workspaces.api.authentication import admit_caller
from workspaces.api.json_views import AnyJsonParser
from workspaces.api.jsonapi.media import read_json
from workspaces.models import Job, StateUpload, StateVersion, Workspace
from workspaces.services.terminal_states import Announced, announce_state, roll_back_under_lock, write_state_by_person

MAX_INLINE_BYTES = 96 * 2**20
"""Of a request that carries the state itself in base64, as old clients send it; others upload it."""
_PARSED_BYTES = 4 * 2**20
"""A larger state is parsed only for who asks for its outputs."""


def version_document(version: StateVersion, request: Request) -> Json:
    """Return a version with its outputs, if it is small or its outputs were asked for."""
    wanted = "outputs" in asked_includes(request)
    size = len(version.content or b"")
    described = version.json is not None
    # A pod may reach the site by another name than users do.
    relative = isinstance(request.user, RunUser)
    if size > _PARSED_BYTES and not wanted:
        return document(version_object(version, described=described, relative=relative))
    content = read_content(version)
    outputs = outputs_of(version, content)
    found = version_object(version, content, outputs, described=described, relative=relative)
    found["attributes"]["size"] = size
    return document(found, [output_object(output) for output in outputs] if wanted else ())


def _page(request: Request, workspace: Workspace) -> Json:
    status = request.query_params.get("filter[status]", "")
    if status in {"pending", "discarded"}:
        uploads = StateUpload.objects.filter(workspace=workspace, version=None, discarded=status == "discarded")
        return page_document(request, uploads.defer("json"), lambda rows: [upload_object(row) for row in rows])
    versions: QuerySet[Any] = versions_without_content().filter(workspace=workspace).order_by("-number")
    if status not in {"", "finalized"}:
        versions = versions.none()
    return page_document(request, versions, lambda rows: [version_object(row) for row in rows])


class VersionsView(TfeView):
    """``GET state-versions?filter[organization][name]=…&filter[workspace][name]=…``."""

    def get(self, request: Request) -> Response:
        organization = request.query_params.get("filter[organization][name]", "")
        name = request.query_params.get("filter[workspace][name]", "")
        if not organization or not name:
            raise Invalid("filter[organization][name] and filter[workspace][name] are needed.")
        workspace = workspace_named(self.actor, organization, name)
        require_state_right(self.actor, workspace)
        return Response(_page(request, workspace))


class _LargeParser(AnyJsonParser):
    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        return read_json(stream, limit=MAX_INLINE_BYTES)


class WorkspaceVersionsView(TfeView):
    """``workspaces/ID/state-versions``: list the versions, add one, roll back to one."""

    parser_classes = (_LargeParser,)
    door = Door(limit=MAX_INLINE_BYTES, admit=admit_caller)

    def get(self, request: Request, workspace_id: str) -> Response:
        return Response(_page(request, readable_workspace(self.actor, workspace_id)))

    def post(self, request: Request, workspace_id: str) -> Response:
        workspace = readable_workspace(self.actor, workspace_id)
        body = body_of(request, "state-versions")
        announced = _announced(body, workspace)
        content = _decoded(body, "state")
        if content is None:
            upload = announce_state(workspace, announced, by=self.actor)
            return Response(document(upload_object(upload, new=True)), status=HTTPStatus.CREATED)
        described = _decoded(body, "json-state")
        version = write_state_by_person(workspace, content, announced, by=self.actor, described=described)
        return Response(version_document(version, request), status=HTTPStatus.CREATED)

    def patch(self, request: Request, workspace_id: str) -> Response:
        workspace = readable_workspace(self.actor, workspace_id)
        wanted = body_of(request, "state-versions").related("rollback-state-version")
        if wanted is None or not wanted.key:
            raise Invalid(
                "rollback-state-version names the version to copy.", "/data/relationships/rollback-state-version"
            )
        version = readable_version(self.actor, wanted.key)
        if version.workspace_id != workspace.pk:
            raise NotFound
        found = roll_back_under_lock(version, by=self.actor)
        return Response(version_document(found, request), status=HTTPStatus.CREATED)


class CurrentVersionView(TfeView):
    """``GET workspaces/ID/current-state-version``; 404 for a workspace without a state."""

    def get(self, request: Request, workspace_id: str) -> Response:
        return Response(version_document(current_version(readable_at_start(self.actor, workspace_id)), request))


class VersionView(TfeView):
    """``GET state-versions/ID``."""

    def get(self, request: Request, state_version_id: str) -> Response:
        upload = readable_upload(self.actor, state_version_id)
        if upload is not None:
            return Response(document(upload_object(upload)))
        return Response(version_document(readable_version(self.actor, state_version_id), request))


class DownloadView(TfeView):
    """The bytes of a state, as terraform wrote them."""

    def get(self, request: Request, state_version_id: str) -> HttpResponse:
        version = readable_version(self.actor, state_version_id)
        if version.content is None:
            # 404 would mean a workspace without resources, and a plan would create all of them again.
            raise Conflict(f"State {version.number} lies in storage that this site could not read.")
        return _download(version.content)


class JsonDownloadView(TfeView):
    """The ``show -json`` output of a state; 204 while there is none."""

    def get(self, request: Request, state_version_id: str) -> HttpResponse:
        version = readable_version(self.actor, state_version_id)
        if version.json is None:
            return with_headers(HttpResponse(status=HTTPStatus.NO_CONTENT))
        return _download(version.json)


def current_version(workspace: Workspace) -> StateVersion:
    """Return the newest version of a workspace. Raises NotFound."""
    versions = StateVersion.objects.filter(workspace=workspace).select_related("workspace__organization")
    found: StateVersion | None = versions.order_by("-number").first()
    if found is None:
        raise NotFound
    return found


def _download(content: bytes) -> HttpResponse:
    return with_headers(HttpResponse(content, content_type="application/json", headers={"Cache-Control": "no-store"}))


def _announced(body: Body, workspace: Workspace) -> Announced:
    md5 = body.text("md5", longest=32).lower()
    if "serial" not in body or not md5:
        raise Invalid("serial and md5 are needed.", "/data/attributes/serial")
    return Announced(
        serial=body.number("serial"),
        md5=md5,
        lineage=body.text("lineage", longest=64),
        force=body.flag("force"),
        job=_job(body, workspace),
    )


def _job(body: Body, workspace: Workspace) -> Job | None:
    run = body.related("run")
    if run is None:
        return None
    found: Job | None = Job.objects.filter(pk=number_of(run.key, "run-"), workspace=workspace).first()
    if found is None:
        raise NotFound
    return found


def _decoded(body: Body, name: str) -> bytes | None:
    """Return the bytes of an attribute in base64; None if it is missing."""
    text = body.text(name, longest=MAX_INLINE_BYTES)
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(f"{name} is base64.", f"/data/attributes/{name}") from None
