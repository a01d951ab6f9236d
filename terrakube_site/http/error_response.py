"""The format of an API error: ``{"errors": [{"detail": "a sentence"}]}``."""

from __future__ import annotations

from typing import Any

from django.http import JsonResponse


def errors_body(detail: str, **members: Any) -> dict[str, Any]:
    return {"errors": [{"detail": detail, **members}]}


def error_response(detail: str, http_status: int, **members: Any) -> JsonResponse:
    return JsonResponse(errors_body(detail, **members), status=http_status)
