"""Turn refusals of services, and Django REST framework's own errors, into answers of the API."""

from __future__ import annotations

from typing import Any

from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler as rest_exception_handler

from terrakube_site.http.error_response import errors_body
from workspaces.errors import NotAllowed, NotRegistered, ServiceError, WrongState


def status_of(error: ServiceError) -> int:
    """Return the HTTP status of a service's refusal."""
    if isinstance(error, NotAllowed):
        return status.HTTP_403_FORBIDDEN
    if isinstance(error, WrongState):
        return status.HTTP_409_CONFLICT
    if isinstance(error, NotRegistered):
        return status.HTTP_424_FAILED_DEPENDENCY
    return status.HTTP_400_BAD_REQUEST


def _sentences(detail: Any, path: str = "") -> list[str]:
    if isinstance(detail, dict):
        return [
            text for key, value in detail.items() for text in _sentences(value, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(detail, list | tuple):
        return [text for value in detail for text in _sentences(value, path)]
    return [f"{path}: {detail}" if path and path != "detail" else str(detail)]


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Django REST framework's errors and the services' in the API's shape; None for what is a mistake of ours."""
    if isinstance(error, ServiceError):
        return Response(errors_body(error.message), status=status_of(error))
    response = rest_exception_handler(error, context)
    if response is None:
        return None
    detail = error.detail if isinstance(error, APIException) else str(error)
    response.data = {"errors": [{"detail": text} for text in _sentences(detail)]}
    return response
