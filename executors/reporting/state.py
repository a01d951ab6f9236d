"""The Terraform state, as forwarded by the executor's own HTTP backend."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext_noop as _

from executors.models import Attempt
from executors.reporting.authority import executor_view
from executors.reporting.bodies import MAX_FILE_BYTES, MAX_JSON_BYTES, read_body
from terrakube_site.http.error_response import error_response
from terrakube_site.messages import message
from workspaces.choices import StepType
from workspaces.errors import InvalidInput, ServiceError
from workspaces.models import Job
from workspaces.services import state as states
from workspaces.services.recovered_states import keep_recovered_state
from workspaces.services.state_content import MAX_STATE_BYTES

_PLANS = frozenset({StepType.PLAN, StepType.PLAN_DESTROY})
_NOT_IN_A_PLAN = _("A plan may not write the state.")


def _may_write(attempt: Attempt) -> bool:
    """Return True if a step may write the state: not a plan that no apply may follow, or only after an approval.

    terraform writes no state in a plan, but programs that the configuration starts reach the same backend.
    """
    step = attempt.step
    if step.type not in _PLANS:
        return True
    later = step.job.steps.filter(type=StepType.APPROVAL, step_number__gt=step.step_number)
    return not step.job.plan_only and not later.exists()


@executor_view("GET", "POST", limit=MAX_STATE_BYTES)
def state(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    job = attempt.step.job
    if request.method == "GET":
        current = states.current_state(job.workspace)
        if current is None:
            return HttpResponse(status=204)
        if current.content is None:
            # An empty answer would mean a workspace without resources, and the plan would create all of them again.
            return error_response(
                message(
                    _("This site could not read state {number} of this workspace from storage."),
                    number=current.number,
                ),
                409,
                code="state-elsewhere",
            )
        return HttpResponse(current.content, content_type="application/json")
    if not _may_write(attempt):
        return error_response(_NOT_IN_A_PLAN, 403, code="not-allowed")
    try:
        content = read_body(request, limit=MAX_STATE_BYTES)
    except InvalidInput as error:
        return error_response(error.message, 413, code="too-large")
    try:
        version = states.write_state(job, content, lock_id=request.GET.get("lock", ""))
    except (states.StateLocked, states.StateRefused) as error:
        return _store_recovered(job, content, error)
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    return JsonResponse({"serial": version.serial})


def _store_recovered(job: Job, content: bytes, refused: ServiceError) -> HttpResponse:
    """Refuse a state and say whether it was stored as a recovered one: it may be the only copy."""
    try:
        keep_recovered_state(job.workspace, content, job=job, why=refused.message)
    except ServiceError:
        return error_response(refused.message, 409, code=refused.code)
    error = {"status": "409", "code": refused.code, "detail": refused.message}
    return JsonResponse({"errors": [error], "recovered": True}, status=409)


@executor_view("POST", after_end=True, limit=MAX_FILE_BYTES)
def recovered_state(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    """Store a state beside the current one for a person to decide about, also for an ended attempt."""
    if not _may_write(attempt):
        return error_response(_NOT_IN_A_PLAN, 403, code="not-allowed")
    why = request.GET.get("why", "")
    try:
        content = read_body(request, limit=MAX_FILE_BYTES)
    except InvalidInput as error:
        return error_response(error.message, 413, code="too-large")
    try:
        keep_recovered_state(attempt.step.job.workspace, content, job=attempt.step.job, why=why)
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    except ServiceError as error:
        return error_response(error.message, 409, code=error.code)
    return JsonResponse({})


@executor_view("POST")
def lock(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    try:
        states.lock_state(attempt.step.job, read_body(request, limit=MAX_JSON_BYTES))
    except states.StateLocked as error:
        return JsonResponse(error.info, status=423)
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    return JsonResponse({})


@executor_view("POST")
def unlock(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    try:
        # Without its lock an apply could not write its state.
        own = not _may_write(attempt)
        states.unlock_state(attempt.step.job, read_body(request, limit=MAX_JSON_BYTES), own=own)
    except states.StateLocked as error:
        return error_response(error.message, 409, code=error.code)
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    return JsonResponse({})
