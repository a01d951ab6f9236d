"""Another token for the source of a running step, after git was refused with the last one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from executors.attempts.source_access import may_renew, renewed_token
from executors.attempts.tokens import is_session
from executors.choices import ACTIVE
from executors.models import Attempt
from executors.reporting.authority import bearer_token, executor_view
from executors.reporting.bodies import MAX_JSON_BYTES, read_json, read_optional
from terrakube_site.http.body_doors import Door
from terrakube_site.http.error_response import error_response
from vcs.connections.problems import ConnectionProblem
from workspaces.actors import is_admin
from workspaces.api.authentication import caller_of
from workspaces.models import Job

_NO_CONNECTION = "The source of this job is not read by a VCS connection with tokens."
_RETRY_SECONDS = 5
_FETCHING = frozenset({"", "folder", "source"})
"""Phases of an executor before anything of the source runs."""


@executor_view("POST")
def source_token(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    """Answer our executor: ``{"token"}``, or 409 with why there is none.

    ``fetchOnly`` in the body says that the executor drops the token before anything of the source runs. That is past
    once it has reported a later phase.
    """
    job = Job.objects.select_related("workspace__vcs").get(pk=attempt.step.job_id)
    asked = bool(read_optional(read_json(request), "fetchOnly", bool))
    return _answer(job, for_fetch=asked and attempt.phase in _FETCHING)


def _answer(job: Job, *, for_fetch: bool = False) -> HttpResponse:
    if not may_renew(job):
        return error_response(_NO_CONNECTION, 409, code="no-connection")
    try:
        return JsonResponse({"token": renewed_token(job, for_fetch=for_fetch)})
    except ConnectionProblem as problem:
        return error_response(str(problem.sentence), 409, code="no-token", **_words(problem))


def _words(problem: ConnectionProblem) -> dict[str, Any]:
    """Return format and values, so that the executor's report can be shown in a reader's language, and when to ask
    again.
    """
    sentence = problem.sentence
    return {
        "format": sentence.format_text,
        "values": {name: str(value) for name, value in sentence.values.items()},
        "retryAfter": (problem.retry_after or _RETRY_SECONDS) if problem.temporary else None,
    }


def _running_attempt(job_id: str) -> Attempt | None:
    number = int(job_id) if job_id.isdecimal() and len(job_id) < 19 else 0
    found = Attempt.objects.select_related("step__job__workspace__vcs").filter(step__job_id=number, state__in=ACTIVE)
    return found.order_by("-number").first()


def _admit(request: HttpRequest, arguments: Any) -> HttpResponse | None:
    attempt = _running_attempt(arguments["job_id"])
    if attempt is not None and is_session(attempt, bearer_token(request)):
        return None
    caller = caller_of(request)
    if isinstance(caller, HttpResponse):
        return caller
    if not is_admin(caller):
        return error_response("Only the executor of the job's running step may do this.", 403)
    return None if attempt is not None else error_response("There is no such job with a running step.", 404)


@csrf_exempt
@require_POST
def refresh(request: HttpRequest, job_id: str) -> HttpResponse:
    """Answer ``POST /vcs-token/v1/JOB/refresh`` for a running step: its session, or Terrakube's internal token."""
    refusal = _admit(request, {"job_id": job_id})
    if refusal is not None:
        return refusal
    attempt = _running_attempt(job_id)
    if attempt is None:
        return error_response("There is no such job with a running step.", 404)
    return _answer(attempt.step.job)


refresh.door = Door(limit=MAX_JSON_BYTES, admit=_admit)  # type: ignore[attr-defined]
