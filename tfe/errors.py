"""Refusals of the protocol: ``{"errors": [{"status", "title", "detail", "source"}]}``; a terminal shows the texts."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.db import DatabaseError, IntegrityError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as rest_exception_handler
from rest_framework.views import set_rollback

from tfe.documents import Json
from workspaces.encryption import DecryptionError
from workspaces.errors import Duplicate, InvalidInput, NotAllowed, ServiceError


class NotFound(exceptions.NotFound):
    """There is no such resource, or the caller may not see it; the clients show their own text."""

    def __init__(self) -> None:
        super().__init__("Resource not found")


class Invalid(exceptions.APIException):
    """A value that the protocol or the site does not allow; ``pointer`` leads to it in the request's document.

    ``title`` is for clients that know a refusal by it.
    """

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, sentence: str, pointer: str = "", *, title: str = "") -> None:
        super().__init__(sentence)
        self.pointer = pointer
        self.title = title


class Conflict(exceptions.APIException):
    """The resource is not in the state that the action needs."""

    status_code = HTTPStatus.CONFLICT


class Precondition(exceptions.APIException):
    """Something else has to happen first."""

    status_code = HTTPStatus.PRECONDITION_FAILED


def errors_of(status: int, *sentences: str, pointer: str = "", title: str = "") -> Json:
    """Return the body of a refusal; without a title it is the status in words."""
    title = title or HTTPStatus(status).phrase.lower()
    found: list[Json] = [{"status": str(status), "title": title, "detail": sentence} for sentence in sentences]
    if pointer:
        for one in found:
            one["source"] = {"pointer": pointer}
    return {"errors": found}


def _status_of(error: ServiceError) -> int:
    if isinstance(error, NotAllowed):
        return HTTPStatus.FORBIDDEN
    # Also a name that is taken, which the clients expect as a fault of the input.
    if isinstance(error, InvalidInput | Duplicate):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.CONFLICT


def _pointer_of(error: ServiceError) -> str:
    fields = getattr(error, "fields", None) or {}
    return f"/data/attributes/{next(iter(fields)).replace('_', '-')}" if fields else ""


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to an exception of a view; None for an error of the site."""
    if isinstance(error, ServiceError):
        set_rollback()
        status = _status_of(error)
        return Response(errors_of(status, str(error.message), pointer=_pointer_of(error)), status=status)
    if isinstance(error, DecryptionError):
        set_rollback()
        return Response(errors_of(HTTPStatus.CONFLICT, str(error.sentence)), status=HTTPStatus.CONFLICT)
    if isinstance(error, IntegrityError):
        set_rollback()
        sentence = "This conflicts with data that already exists."
        return Response(errors_of(HTTPStatus.CONFLICT, sentence), status=HTTPStatus.CONFLICT)
    if isinstance(error, DatabaseError):
        return None
    response = rest_exception_handler(error, context)
    if response is None:
        return None
    detail = getattr(error, "detail", None)
    sentences = [str(detail)] if isinstance(detail, str) else [str(error)]
    response.data = errors_of(
        response.status_code, *sentences, pointer=getattr(error, "pointer", ""), title=getattr(error, "title", "")
    )
    return response
