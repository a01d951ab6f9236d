"""Who may report: the session that claimed an attempt, and only while that attempt is open."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from structlog.contextvars import bind_contextvars

from executors.choices import AttemptState
from executors.models import Attempt
from executors.tokens import is_session
from terrakube_site.api_errors import error_response
from workspaces.choices import in_english

type View[**P] = Callable[Concatenate[HttpRequest, Attempt, P], HttpResponse]


def bearer(request: HttpRequest) -> str:
    """The token of the Authorization header; empty when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def find(attempt_id: UUID) -> Attempt | None:
    return Attempt.objects.select_related("step__job").filter(pk=attempt_id).first()


def unauthorized() -> HttpResponse:
    # An unknown attempt and a wrong token read the same, so that nobody can probe for ids.
    return error_response("This is not the token of this attempt.", 401, code="unauthorized")


def over(attempt: Attempt) -> HttpResponse:
    return error_response(
        f"This attempt is over: {attempt.reason or in_english(attempt.get_outcome_display()).lower()}.",
        410,
        code="attempt-over",
    )


def reporting(*methods: str, after_end: bool = False) -> Callable[[View[...]], Callable[..., HttpResponse]]:
    """Make a view for the executor of one attempt; ``after_end`` lets it answer for an ended attempt itself."""

    def decorate(view: View[...]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @wraps(view)
        def wrapped(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
            attempt = find(attempt_id)
            if attempt is None or not is_session(attempt, bearer(request)):
                return unauthorized()
            if request.method not in methods:
                response = error_response(f"Allowed here: {', '.join(methods)}.", 405)
                response["Allow"] = ", ".join(methods)
                return response
            if attempt.state == AttemptState.ENDED and not after_end:
                return over(attempt)
            bind_contextvars(job=attempt.step.job_id, step=str(attempt.step_id), attempt=str(attempt.pk))
            return view(request, attempt)

        return wrapped

    return decorate
