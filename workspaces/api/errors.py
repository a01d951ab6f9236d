"""What the API answers when it refuses: Terrakube's texts in ``{"errors": [{"detail": …}]}``."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from django.db import DatabaseError, IntegrityError
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as rest_exception_handler
from rest_framework.views import set_rollback

from terrakube_site.api_errors import status_of
from workspaces.errors import NotAllowed, ServiceError

# These come from the framework around Terrakube's API and have its shape.
_FRAMEWORK_ERRORS = (exceptions.MethodNotAllowed, exceptions.NotAcceptable, exceptions.UnsupportedMediaType)


class BadRequest(exceptions.APIException):
    """What was sent cannot be understood."""

    status_code = HTTPStatus.BAD_REQUEST


class InvalidValue(BadRequest):
    """A value that its place doesn't take; ``expected`` says what it does."""

    def __init__(self, value: object, expected: str) -> None:
        super().__init__(f"Invalid value: {shortened(value)} ({expected})")


class NotThere(exceptions.APIException):
    """No such id, collection, attribute or relationship."""

    status_code = HTTPStatus.NOT_FOUND


class ReadDenied(exceptions.APIException):
    """The record is there, and not for this caller."""

    status_code = HTTPStatus.FORBIDDEN
    default_detail = "ReadPermission Denied"


class Denied(exceptions.APIException):
    """What the caller may not do; the first sentence is Terrakube's, the second says why."""

    status_code = HTTPStatus.FORBIDDEN

    def __init__(self, doing: str, why: str) -> None:
        super().__init__(f"{doing}Permission Denied")
        self.why = why


@contextmanager
def denying(doing: str) -> Iterator[None]:
    """Say of a service's refusal what was tried: Create, Update or Delete."""
    try:
        yield
    except NotAllowed as error:
        raise Denied(doing, error.message) from error


class TooLarge(exceptions.APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Missing(exceptions.APIException):
    """What a record cannot be made without; a conflict, as Terrakube's clients know it."""

    status_code = HTTPStatus.CONFLICT


def shortened(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def unknown_attribute(name: str, type_name: str) -> NotThere:
    return NotThere(f"Unknown attribute {shortened(name)} in {type_name}")


def errors(*details: str) -> dict[str, Any]:
    # Terrakube escapes the text, since some client may put it into a page; quotes are left readable.
    return {"errors": [{"detail": html.escape(detail, quote=False)} for detail in details]}


def _of_framework(error: exceptions.APIException, path: str) -> dict[str, Any]:
    return {
        "timestamp": timezone.now().isoformat(timespec="milliseconds"),
        "status": error.status_code,
        "error": HTTPStatus(error.status_code).phrase,
        "path": path,
    }


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception of a view below /api/v1; None for what is a mistake of ours."""
    if isinstance(error, ServiceError):
        set_rollback()
        return Response(errors(error.message), status=status_of(error))
    if isinstance(error, IntegrityError):
        set_rollback()
        return Response(errors("This operation conflicts with data that already exists."), status=HTTPStatus.CONFLICT)
    if isinstance(error, DatabaseError):
        return None
    response = rest_exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
        response.data = None
    elif isinstance(error, _FRAMEWORK_ERRORS):
        response.data = _of_framework(error, context["request"].path)
    else:
        detail = getattr(error, "detail", None)
        sentences = [str(detail) if isinstance(detail, str) else str(error)]
        response.data = errors(*sentences, *([error.why] if isinstance(error, Denied) else []))
    return response
