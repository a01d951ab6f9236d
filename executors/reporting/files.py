"""The files that go to and from an executor: the source, the saved plan, and what describes plan and state."""

from __future__ import annotations

import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from executors.models import Attempt
from executors.payload import latest_plan
from executors.reporting.authority import reporting
from executors.reporting.bodies import raw_body
from terrakube_site.api_errors import error_response
from workspaces.errors import InvalidInput
from workspaces.models import ConfigurationVersion, SavedPlan, Step
from workspaces.services import state as states

_BYTES = "application/octet-stream"
_VERSION_ID = re.compile(r"/configuration-versions/([0-9a-f-]{36})/")


def plan_address(step: Step) -> str | None:
    """Where the API serves a step's saved plan, as Terrakube writes it into the job; None when there is none."""
    if not SavedPlan.objects.filter(step=step, content__isnull=False).exists():
        return None
    job = step.job
    return (
        f"{settings.PUBLIC_URL}/tfstate/v1/organization/{job.organization_id}/workspace/{job.workspace_id}"
        f"/jobId/{job.pk}/step/{step.pk}/terraform.tfstate"
    )


def _none() -> HttpResponse:
    return error_response("There is none.", 404, code="none")


def _put(request: HttpRequest, attempt: Attempt, column: str) -> HttpResponse:
    try:
        content = raw_body(request)
    except InvalidInput as error:
        return error_response(error.message, 413, code=error.code)
    # The other columns, which may be long too, are not read for this.
    if not SavedPlan.objects.filter(step=attempt.step_id).update(**{column: content}):
        SavedPlan.objects.update_or_create(step=attempt.step, defaults={column: content})
    return JsonResponse({})


@reporting("GET", "PUT")
def plan_file(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    if request.method == "PUT":
        return _put(request, attempt, "content")
    plan = latest_plan(attempt.step.job, "content")
    return HttpResponse(plan.content, content_type=_BYTES) if plan is not None else _none()


@reporting("GET", "PUT")
def plan_lock_file(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    if request.method == "PUT":
        return _put(request, attempt, "lock_file")
    plan = latest_plan(attempt.step.job, "lock_file")
    return HttpResponse(plan.lock_file, content_type=_BYTES) if plan is not None and plan.lock_file else _none()


@reporting("PUT")
def plan_json(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    return _put(request, attempt, "json")


@reporting("PUT")
def state_json(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    try:
        content = raw_body(request)
    except InvalidInput as error:
        return error_response(error.message, 413, code=error.code)
    return JsonResponse({"kept": states.describe_state(attempt.step.job, content)})


@reporting("GET")
def source(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    """The uploaded archive: that which the job names, else the workspace's newest."""
    job = attempt.step.job
    versions = ConfigurationVersion.objects.filter(workspace=job.workspace_id, content__isnull=False)
    named = _VERSION_ID.search(job.override_source or "")
    version = (versions.filter(pk=named[1]) if named else versions).order_by("-created_date").first()
    return HttpResponse(version.content, content_type="application/gzip") if version is not None else _none()
