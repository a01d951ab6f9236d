"""What an executor calls while it runs one attempt; the addresses are in ``urls``."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from executors import attempts, reasons
from executors.attempts import Claim
from executors.choices import AttemptOutcome, AttemptState
from executors.models import Attempt
from executors.payload import claim_answer
from executors.reporting import logs
from executors.reporting.authority import bearer, find, over, reporting, unauthorized
from executors.reporting.bodies import MAX_LOG_BYTES, json_body, optional, raw_body
from executors.reporting.files import plan_address
from executors.tokens import is_claim_token
from terrakube_site.api_errors import error_response
from terrakube_site.metrics import catalogue, tally
from workspaces import transitions
from workspaces.errors import InvalidInput

logger = logging.getLogger(__name__)
_SHORTEST_SESSION = 32


@csrf_exempt
@require_POST
def claim(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """Give the attempt to whoever shows its one-time token first, with all that the step needs."""
    attempt = find(attempt_id)
    if attempt is None or not is_claim_token(attempt, bearer(request)):
        return unauthorized()
    try:
        session = optional(json_body(request), "session", str)
        if session is None or len(session) < _SHORTEST_SESSION:
            raise InvalidInput(f"session must be a text of {_SHORTEST_SESSION} characters or more.")
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    answer = attempts.claim(attempt, session)
    if answer is Claim.OVER:
        return over(attempt)
    if answer is Claim.TAKEN:
        logger.warning("Attempt %s was claimed a second time; the second executor was refused", attempt.pk)
        return error_response("Another executor has claimed this attempt.", 409, code=answer.value)
    return JsonResponse(claim_answer(attempt))


@reporting("POST")
def heartbeat(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    try:
        body = json_body(request)
        phase, commit = optional(body, "phase", str), optional(body, "commitId", str)
        peak, cpu = optional(body, "peakMemoryBytes", int), optional(body, "cpuSeconds", float)
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    if commit and attempt.step.job.commit_id is None:
        transitions.pin_commit(attempt.step_id, commit)
    orders = attempts.heartbeat(attempt, phase=phase or "", peak_memory_bytes=peak, cpu_seconds=cpu)
    return JsonResponse({"cancel": orders.cancel, "force": orders.force})


def _whole_number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


@reporting("POST")
def log(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    offset, lost = _whole_number(request, "offset"), _whole_number(request, "lost")
    if offset is None:
        return error_response("offset must be a whole number.", 400, code="invalid")
    try:
        if lost:
            size = logs.declare_lost(attempt, offset, lost)
        else:
            size = logs.append(attempt, offset, raw_body(request, limit=MAX_LOG_BYTES))
    except InvalidInput as error:
        return error_response(error.message, 413, code=error.code)
    except logs.Gap as gap:
        return JsonResponse({"size": gap.size, "errors": [{"detail": str(gap), "code": "gap"}]}, status=409)
    behind = _whole_number(request, "behind")
    if behind is not None:
        tally.observe(catalogue.LOG_LAG, behind)
    orders = attempts.orders(attempt)
    return JsonResponse({"size": size, "cancel": orders.cancel, "force": orders.force})


def _report(body: dict[str, Any], attempt: Attempt) -> attempts.Report:
    outcomes = {AttemptOutcome.SUCCEEDED, AttemptOutcome.FAILED, AttemptOutcome.CANCELLED}
    outcome = optional(body, "outcome", str)
    if outcome not in outcomes:
        raise InvalidInput(f"outcome must be one of {', '.join(sorted(outcomes))}.")
    return attempts.Report(
        outcome=AttemptOutcome(outcome),
        exit_code=optional(body, "exitCode", int),
        changes=optional(body, "changes", bool),
        plan=plan_address(attempt.step),
        reason_code=reasons.bounded(optional(body, "reason", str) or ""),
        reason=optional(body, "message", str) or "",
        peak_memory_bytes=optional(body, "peakMemoryBytes", int),
        cpu_seconds=optional(body, "cpuSeconds", float),
    )


@reporting("POST", after_end=True)
def result(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    """End the attempt by its executor's word; the same word again is answered the same."""
    try:
        body = json_body(request)
        report = _report(body, attempt)
        log_size = optional(body, "logSize", int)
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    if attempt.state == AttemptState.ENDED:
        return JsonResponse({}) if attempts.was_reported(attempt, report.outcome) else over(attempt)
    if log_size is not None and log_size > attempt.log_size:
        # The executor says how much it wrote, so what never came can be told from what never was.
        logs.declare_lost(attempt, attempt.log_size, log_size - attempt.log_size)
    attempts.report(attempt, report)
    return JsonResponse({})
