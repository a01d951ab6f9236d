"""The Terraform state, as the executor's own HTTP backend forwards it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext_noop as _

from executors.models import Attempt
from executors.reporting.authority import reporting
from executors.reporting.bodies import MAX_JSON_BYTES, raw_body
from terrakube_site.api_errors import error_response
from workspaces.errors import InvalidInput
from workspaces.services import state as states


@reporting("GET", "POST")
def state(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    job = attempt.step.job
    if request.method == "GET":
        current = states.current_state(job.workspace)
        if current is None:
            return HttpResponse(status=204)
        if current.content is None:
            # An empty answer would be a workspace without resources, and the plan would create them all again.
            return error_response(
                _("State {number} of this workspace lies in storage that this site could not read.").format(
                    number=current.number
                ),
                409,
                code="state-elsewhere",
            )
        return HttpResponse(current.content, content_type="application/json")
    try:
        version = states.write_state(job, raw_body(request), lock_id=request.GET.get("lock", ""))
    except states.StateLocked as error:
        return error_response(error.message, 409, code=error.code)
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    return JsonResponse({"serial": version.serial})


@reporting("POST")
def lock(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    try:
        states.lock_state(attempt.step.job, raw_body(request, limit=MAX_JSON_BYTES))
    except states.StateLocked as error:
        return JsonResponse(error.info, status=423)
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    return JsonResponse({})


@reporting("POST")
def unlock(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    try:
        states.unlock_state(attempt.step.job, raw_body(request, limit=MAX_JSON_BYTES))
    except states.StateLocked as error:
        return error_response(error.message, 409, code=error.code)
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    return JsonResponse({})
