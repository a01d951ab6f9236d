"""The addresses to which terminals upload a state and its ``show -json`` output, without a token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from executors.reporting.bodies import MAX_FILE_BYTES
from terrakube_site.http.body_doors import Door
from tfe.errors import errors_of
from tfe.states.addresses import JSON_SALT, STATE_SALT, is_signed
from tfe.views import with_headers
from workspaces.errors import InvalidInput, ServiceError
from workspaces.models import StateUpload
from workspaces.services.state_content import MAX_STATE_BYTES
from workspaces.services.terminal_states import store_upload, store_upload_json


def _refused(status: int, sentence: str) -> HttpResponse:
    return with_headers(JsonResponse(errors_of(status, sentence), status=status))


type Named = Callable[[HttpRequest, Mapping[str, Any]], tuple[str, str]]
"""Reads the key of an announced state, and what signs it, from an address."""


def _of_protocol(request: HttpRequest, arguments: Mapping[str, Any]) -> tuple[str, str]:
    return arguments["state_version_id"], request.GET.get("token", "")


def _of_archive(request: HttpRequest, arguments: Mapping[str, Any]) -> tuple[str, str]:
    # The id in Terrakube's address is key and signature, with a stop between.
    key, _dot, token = arguments["archive_id"].partition(".")
    return key, token


def _at_address(text: str, token: str, salt: str) -> StateUpload | HttpResponse:
    """Return what a signed address is for; 404 for any other address."""
    try:
        key = UUID(text)
    except ValueError:
        return _refused(HTTPStatus.NOT_FOUND, "Resource not found")
    if not is_signed(key, token, salt):
        return _refused(HTTPStatus.NOT_FOUND, "Resource not found")
    found: StateUpload | None = StateUpload.objects.filter(pk=key).first()
    if found is None:
        return _refused(HTTPStatus.NOT_FOUND, "Resource not found")
    return found


def _repeated(upload: StateUpload, content: bytes) -> HttpResponse | None:
    """Return the answer to a state that comes again; None for one that has not arrived.

    A client that lost the answer sends the same state again; another may not take its place.
    """
    if upload.version is None:
        return None
    if bytes(upload.version.content or b"") == content:
        return with_headers(HttpResponse(status=HTTPStatus.OK))
    return _refused(HTTPStatus.FORBIDDEN, "This state was already received.")


def _view(
    salt: str, limit: int, store: Callable[[StateUpload, bytes], Any], named: Named = _of_protocol
) -> Callable[..., HttpResponse]:
    @csrf_exempt
    @require_http_methods(["PUT"])
    def view(request: HttpRequest, **arguments: str) -> HttpResponse:
        upload = _at_address(*named(request, arguments), salt)
        if isinstance(upload, HttpResponse):
            return upload
        # One byte more than is allowed is enough to know; the body's own limit is meant for forms.
        content = request.read(limit + 1)
        if len(content) > limit:
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The state is larger than {limit // 2**20} MiB.")
        if salt == STATE_SALT and (answer := _repeated(upload, content)) is not None:
            return answer
        try:
            store(upload, content)
        except InvalidInput as error:
            return _refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error.message))
        except ServiceError as error:
            return _refused(HTTPStatus.CONFLICT, str(error.message))
        return with_headers(HttpResponse(status=HTTPStatus.OK))

    def admit(request: HttpRequest, arguments: Mapping[str, Any]) -> HttpResponse | None:
        found = _at_address(*named(request, arguments), salt)
        return found if isinstance(found, HttpResponse) else None

    view.door = Door(limit=limit, admit=admit)  # type: ignore[attr-defined]
    return view


upload_state = _view(STATE_SALT, MAX_STATE_BYTES, store_upload)
upload_json = _view(JSON_SALT, MAX_FILE_BYTES, store_upload_json)


# ---- Terrakube's addresses ------------------------------------------------------------------------------------------


def _archived(view: Any) -> Callable[..., HttpResponse]:
    """Answer as Terrakube does: 201, else 403; a body that is too large stays 413."""

    def answer(found: HttpResponse) -> HttpResponse:
        if found.status_code < HTTPStatus.BAD_REQUEST:
            found.status_code = HTTPStatus.CREATED
        elif found.status_code not in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
            found.status_code = HTTPStatus.FORBIDDEN
        return found

    @csrf_exempt
    def archived(request: HttpRequest, archive_id: str) -> HttpResponse:
        return answer(view(request, archive_id=archive_id))

    def admit(request: HttpRequest, arguments: Mapping[str, Any]) -> HttpResponse | None:
        refused = view.door.admit(request, arguments)
        return None if refused is None else answer(refused)

    archived.door = Door(limit=view.door.limit, admit=admit)  # type: ignore[attr-defined]
    return archived


archive_state = _archived(_view(STATE_SALT, MAX_STATE_BYTES, store_upload, _of_archive))
archive_json = _archived(_view(JSON_SALT, MAX_FILE_BYTES, store_upload_json, _of_archive))
