"""Error answers of the API: Terrakube's texts in ``{"errors": [{"detail": …}]}``."""

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

from workspaces.api.service_errors import status_of
from workspaces.errors import NotAllowed, ServiceError

# These come from the framework around Terrakube's API and have its shape.
_FRAMEWORK_ERRORS = (exceptions.MethodNotAllowed, exceptions.NotAcceptable, exceptions.UnsupportedMediaType)


class BadRequest(exceptions.APIException):
    """The request cannot be parsed."""

    status_code = HTTPStatus.BAD_REQUEST


class InvalidValue(BadRequest):
    """A value that is not allowed in its place; ``expected`` describes what is.

    The value is quoted unless it is ``secret``. Lists and objects are never quoted: they may contain anything.
    """

    def __init__(self, value: object, expected: str, *, secret: bool = False) -> None:
        super().__init__(f"Invalid value: {_kind_of(value) if secret else shorten(value)} ({expected})")


class NotThere(exceptions.APIException):
    """There is no such id, collection, attribute or relationship."""

    status_code = HTTPStatus.NOT_FOUND


_ABSENT = {
    "action": "actions",
    "federated": "federated credentials",
    "github_app_token": "tokens of GitHub apps",
    "implementation": "providers",
    "module": "modules",
    "policyExemption": "policy sets",
    "policySet": "policy sets",
    "policy_exemption": "policy sets",
    "policy_set": "policy sets",
    "provider": "providers",
}
"""What Terrakube has and this site has not, by the segment of a path."""


def absent(name: str) -> NotThere | None:
    """Return the refusal for a part of Terrakube that this site does not have; None for any other name."""
    what = _ABSENT.get(name)
    return None if what is None else NotThere(f"{what[:1].upper()}{what[1:]} are not available on this site")


class ReadDenied(exceptions.APIException):
    """The record exists, but this caller may not read it."""

    status_code = HTTPStatus.FORBIDDEN
    default_detail = "ReadPermission Denied"


class Denied(exceptions.APIException):
    """What the caller may not do: why, as Terrakube's command line prints the first sentence alone, then its words."""

    status_code = HTTPStatus.FORBIDDEN

    def __init__(self, doing: str, why: str) -> None:
        super().__init__(why)
        self.doing = doing


@contextmanager
def denying(doing: str) -> Iterator[None]:
    """Report a service's refusal with the attempted operation: Create, Update or Delete."""
    try:
        yield
    except NotAllowed as error:
        raise Denied(doing, error.message) from error


class TooLarge(exceptions.APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Missing(exceptions.APIException):
    """A required attribute is missing; a conflict, as Terrakube's clients expect."""

    status_code = HTTPStatus.CONFLICT


_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


def _kind_of(value: object) -> str:
    return _KINDS.get(type(value), "null")


def shorten(value: object) -> str:
    """Return a value of a request, truncated to be quoted in a sentence."""
    if isinstance(value, dict | list):
        return _kind_of(value)
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def unknown_attribute(name: str, type_name: str) -> NotThere:
    return NotThere(f"Unknown attribute {shorten(name)} in {type_name}")


def errors(*details: str) -> dict[str, Any]:
    # Terrakube escapes the text, since a client may put it into a page; quotes stay readable.
    return {"errors": [{"detail": html.escape(detail, quote=False)} for detail in details]}


def _of_framework(error: exceptions.APIException, path: str) -> dict[str, Any]:
    return {
        "timestamp": timezone.now().isoformat(timespec="milliseconds"),
        "status": error.status_code,
        "error": HTTPStatus(error.status_code).phrase,
        "path": path,
    }


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to an exception of a view below /api/v1; None for an error of the site."""
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
        denied = [f"{error.doing}Permission Denied"] if isinstance(error, Denied) else []
        response.data = errors(*sentences, *denied)
    return response
