"""Authentication of executors: only the session that claimed an attempt may report, while the attempt is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from structlog.contextvars import bind_contextvars

from executors.attempts.tokens import is_session
from executors.choices import AttemptState
from executors.models import Attempt
from executors.reporting.bodies import MAX_JSON_BYTES
from terrakube_site.database.built_once import BuiltOnce
from terrakube_site.http.body_doors import Door
from terrakube_site.http.error_response import error_response
from terrakube_site.language import in_english

_LONGEST_TOKEN = 512

type View[**P] = Callable[Concatenate[HttpRequest, Attempt, P], HttpResponse]


def bearer_token(request: HttpRequest) -> str:
    """Return the token of the Authorization header, "" without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


# Asked at each call of each executor, where its text would take more than all else that a heartbeat does.
_WITH_STEP_AND_JOB = BuiltOnce(lambda attempt_id: Attempt.objects.select_related("step__job").filter(pk=attempt_id))


def find_attempt(attempt_id: UUID) -> Attempt | None:
    return next(iter(_WITH_STEP_AND_JOB.rows(attempt_id)), None)


def unauthorized() -> HttpResponse:
    # An unknown attempt and a wrong token get the same answer, so that ids cannot be probed.
    return error_response("This is not the token of this attempt.", 401, code="unauthorized")


def attempt_over(attempt: Attempt) -> HttpResponse:
    return error_response(
        f"This attempt is over: {attempt.reason or in_english(attempt.get_outcome_display()).lower()}.",
        410,
        code="attempt-over",
    )


def looks_like_token(text: str) -> bool:
    """Return True if a text may be one of our tokens, so that nonsense costs no query."""
    return 0 < len(text) <= _LONGEST_TOKEN and text.isascii()


def admission(limit: int, look: Callable[[HttpRequest, UUID], Attempt | HttpResponse]) -> Door:
    """Return the admission check of an executor's view; ``look`` returns the attempt, or the refusal."""

    def admit(request: HttpRequest, arguments: Mapping[str, Any]) -> HttpResponse | None:
        if not looks_like_token(bearer_token(request)):
            return unauthorized()
        found = look(request, arguments["attempt_id"])
        return found if isinstance(found, HttpResponse) else None

    return Door(limit=limit, admit=admit)


def executor_view(
    *methods: str, after_end: bool = False, limit: int = MAX_JSON_BYTES
) -> Callable[[View[...]], Callable[..., HttpResponse]]:
    """Turn a function into the view of one attempt's executor; with ``after_end`` it answers for ended attempts itself.

    A body of more than ``limit`` bytes is refused before it is read; so is a large one of an unknown caller.
    """

    def look(request: HttpRequest, attempt_id: UUID) -> Attempt | HttpResponse:
        attempt = find_attempt(attempt_id)
        if attempt is None or not is_session(attempt, bearer_token(request)):
            return unauthorized()
        if request.method not in methods:
            response = error_response(f"Allowed here: {', '.join(methods)}.", 405)
            response["Allow"] = ", ".join(methods)
            return response
        if attempt.state == AttemptState.ENDED and not after_end:
            return attempt_over(attempt)
        return attempt

    def decorate(view: View[...]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @wraps(view)
        def wrapped(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
            attempt = look(request, attempt_id)
            if isinstance(attempt, HttpResponse):
                return attempt
            bind_contextvars(job=attempt.step.job_id, step=str(attempt.step_id), attempt=str(attempt.pk))
            return view(request, attempt)

        wrapped.door = admission(limit, look)  # type: ignore[attr-defined]
        return wrapped

    return decorate
