"""Endpoints for the executor of one attempt; their addresses are in ``urls``."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from executors.attempts import lifecycle
from executors.attempts.handover import ValuesLost, claim_answer
from executors.attempts.lifecycle import Claim
from executors.attempts.tokens import is_claim_token
from executors.choices import UNCLAIMED, AttemptOutcome, AttemptState
from executors.logs import store
from executors.models import Attempt
from executors.reporting.authority import (
    admission,
    attempt_over,
    bearer_token,
    executor_view,
    find_attempt,
    unauthorized,
)
from executors.reporting.bodies import (
    MAX_JSON_BYTES,
    MAX_LOG_BYTES,
    MAX_LOG_SIZE,
    read_body,
    read_json,
    read_number,
    read_optional,
    read_sentence,
    read_session,
    read_strings,
)
from executors.reporting.files import plan_address
from executors.reporting.old_executors import refusal_reason
from terrakube_site.http.error_response import error_response
from terrakube_site.metrics import catalogue, tally
from workspaces.encryption import DecryptionError
from workspaces.errors import InvalidInput
from workspaces.jobs import transitions
from workspaces.jobs.undeclared_variables import note_undeclared
from workspaces.reasons import bounded, told

logger = logging.getLogger(__name__)


def _with_claim_token(request: HttpRequest, attempt_id: UUID) -> Attempt | HttpResponse:
    attempt = find_attempt(attempt_id)
    return unauthorized() if attempt is None or not is_claim_token(attempt, bearer_token(request)) else attempt


@csrf_exempt
@require_POST
def claim(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """Give the attempt, with all that the step needs, to the first caller with its one-time token."""
    attempt = _with_claim_token(request, attempt_id)
    if isinstance(attempt, HttpResponse):
        return attempt
    try:
        body = read_json(request)
        session = read_session(body)
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    objection = refusal_reason(body.get("agent"), attempt)
    if objection is not None and lifecycle.fail_attempt(attempt, told("scope-not-kept", objection), sources=UNCLAIMED):
        attempt.refresh_from_db()
        return attempt_over(attempt)
    answer = lifecycle.claim_attempt(attempt, session)
    if answer is Claim.OVER:
        return attempt_over(attempt)
    if answer is Claim.TAKEN:
        logger.warning("Attempt %s was claimed a second time; the second executor was refused", attempt.pk)
        return error_response("Another executor has claimed this attempt.", 409, code=answer.value)
    try:
        return JsonResponse(claim_answer(attempt))
    except ValuesLost as lost:
        why = lost.why
    except DecryptionError as lost:
        why = told("incomplete-variables", lost.sentence)
    # It got nothing to run, so it is over, and a further try would end the same.
    lifecycle.fail_attempt(attempt, why)
    attempt.refresh_from_db()
    return attempt_over(attempt)


claim.door = admission(MAX_JSON_BYTES, _with_claim_token)  # type: ignore[attr-defined]


@executor_view("POST")
def heartbeat(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    try:
        body = read_json(request)
        phase, commit = read_optional(body, "phase", str), read_optional(body, "commitId", str)
        peak, cpu = read_number(body, "peakMemoryBytes", int), read_number(body, "cpuSeconds", float)
        undeclared = read_strings(body, "undeclaredVariables")
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    if commit and attempt.step.job.commit_id is None:
        transitions.pin_commit(attempt.step_id, commit)
    if undeclared:
        note_undeclared(attempt.step, undeclared)
    orders = lifecycle.record_heartbeat(attempt, phase=phase or "", peak_memory_bytes=peak, cpu_seconds=cpu)
    return JsonResponse({"cancel": orders.cancel, "force": orders.force})


def _whole_number(request: HttpRequest, name: str) -> int | None:
    """Read a query parameter that is a log size or a part of one; None for anything else."""
    text = request.GET.get(name, "")
    found = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1
    return found if 0 <= found <= MAX_LOG_SIZE else None


@executor_view("POST", limit=MAX_LOG_BYTES)
def log(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    offset, lost = _whole_number(request, "offset"), _whole_number(request, "lost")
    if offset is None or (lost is None and "lost" in request.GET) or offset + (lost or 0) > MAX_LOG_SIZE:
        sentence = f"offset and lost must be whole numbers, together at most {MAX_LOG_SIZE}."
        return error_response(sentence, 400, code="invalid")
    try:
        if lost:
            size = store.declare_lost(attempt, offset, lost)
        else:
            size = store.append_log(attempt, offset, read_body(request, limit=MAX_LOG_BYTES))
    except InvalidInput as error:
        return error_response(error.message, 413, code=error.code)
    except store.Gap as gap:
        return JsonResponse({"size": gap.size, "errors": [{"detail": str(gap), "code": "gap"}]}, status=409)
    behind = _whole_number(request, "behind")
    if behind is not None:
        tally.observe(catalogue.LOG_LAG, behind)
    orders = lifecycle.orders(attempt)
    return JsonResponse({"size": size, "cancel": orders.cancel, "force": orders.force})


def _report(body: dict[str, Any], attempt: Attempt) -> lifecycle.Report:
    outcomes = {AttemptOutcome.SUCCEEDED, AttemptOutcome.FAILED, AttemptOutcome.CANCELLED}
    outcome = read_optional(body, "outcome", str)
    if outcome not in outcomes:
        raise InvalidInput(f"outcome must be one of {', '.join(sorted(outcomes))}.")
    return lifecycle.Report(
        outcome=AttemptOutcome(outcome),
        exit_code=read_number(body, "exitCode", int, least=-(2**31), most=2**31 - 1),
        changes=read_optional(body, "changes", bool),
        plan=plan_address(attempt.step),
        why=told(bounded(read_optional(body, "reason", str) or ""), read_sentence(body)),
        peak_memory_bytes=read_number(body, "peakMemoryBytes", int),
        cpu_seconds=read_number(body, "cpuSeconds", float),
    )


@executor_view("POST", after_end=True)
def result(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    """End the attempt with its executor's result; a repeated result gets the same answer."""
    try:
        body = read_json(request)
        report = _report(body, attempt)
        log_size = read_number(body, "logSize", int, most=MAX_LOG_SIZE)
        undeclared = read_strings(body, "undeclaredVariables")
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    if attempt.state == AttemptState.ENDED:
        return _answer_after_end(attempt, report)
    if log_size is not None and log_size > attempt.log_size:
        # The executor reports how many bytes it wrote, so missing output can be told from no output.
        store.declare_lost(attempt, attempt.log_size, log_size - attempt.log_size)
    if undeclared:
        note_undeclared(attempt.step, undeclared)
    if not lifecycle.report_result(attempt, report):
        # It ended since the request began, and this result does not count.
        attempt.refresh_from_db()
        return _answer_after_end(attempt, report)
    return JsonResponse({})


def _answer_after_end(attempt: Attempt, report: lifecycle.Report) -> HttpResponse:
    return JsonResponse({}) if lifecycle.has_reported(attempt, report.outcome) else attempt_over(attempt)
