"""Files exchanged with an executor: the source, the saved plan, and the descriptions of plan and state."""

from __future__ import annotations

import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from executors.attempts.handover import latest_plan
from executors.attempts.plan_file_list import from_report
from executors.installation.settings import installation
from executors.models import Attempt
from executors.reporting.authority import executor_view
from executors.reporting.bodies import MAX_FILE_BYTES, read_body, read_json
from terrakube_site.http.error_response import error_response
from vcs.deliveries.folders import keep_folders
from workspaces.errors import InvalidInput
from workspaces.models import ConfigurationVersion, SavedPlan, Step
from workspaces.services import state as states

_BYTES = "application/octet-stream"
# For the headers of hundreds of thousands of small files.
_ARCHIVE_BYTES = 64 * 2**20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_VERSION_ID = re.compile(r"/configuration-versions/([0-9a-f-]{36})/")


def plan_address(step: Step) -> str | None:
    """Return the address of a step's saved plan in the API, as Terrakube writes it into the job, or None."""
    if not SavedPlan.objects.filter(step=step, content__isnull=False).exists():
        return None
    job = step.job
    return (
        f"{settings.PUBLIC_URL}/tfstate/v1/organization/{job.organization_id}/workspace/{job.workspace_id}"
        f"/jobId/{job.pk}/step/{step.pk}/terraform.tfstate"
    )


def _not_found() -> HttpResponse:
    return error_response("There is none.", 404, code="none")


def _store_body(request: HttpRequest, attempt: Attempt, column: str, *, limit: int = MAX_FILE_BYTES) -> HttpResponse:
    try:
        content = read_body(request, limit=limit)
    except InvalidInput as error:
        return error_response(error.message, 413, code=error.code)
    return _store_plan(attempt, {column: content})


def _store_plan(attempt: Attempt, values: dict[str, bytes | str | None]) -> HttpResponse:
    # Load only this column: the others may be long too.
    if not SavedPlan.objects.filter(step=attempt.step_id).update(**values):
        SavedPlan.objects.update_or_create(step=attempt.step, defaults=values)
    return JsonResponse({})


@executor_view("GET", "PUT", limit=MAX_FILE_BYTES)
def plan_file(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    if request.method == "PUT":
        return _store_body(request, attempt, "content")
    plan = latest_plan(attempt.step.job, "content")
    return HttpResponse(plan.content, content_type=_BYTES) if plan is not None else _not_found()


@executor_view("GET", "PUT", limit=MAX_FILE_BYTES)
def plan_lock_file(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    if request.method == "PUT":
        return _store_body(request, attempt, "lock_file")
    plan = latest_plan(attempt.step.job, "lock_file")
    return HttpResponse(plan.lock_file, content_type=_BYTES) if plan is not None and plan.lock_file else _not_found()


@executor_view("PUT", limit=MAX_FILE_BYTES)
def plan_json(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    """Store a plan's JSON, and which folders of the repository its configuration uses."""
    try:
        content = read_body(request, limit=MAX_FILE_BYTES)
    except InvalidInput as error:
        return error_response(error.message, 413, code=error.code)
    answer = _store_plan(attempt, {"json": content})
    job = attempt.step.job
    if job.workspace.vcs_id is not None and not job.override_source:
        keep_folders(job.workspace, content)
    return answer


@executor_view("GET", "PUT", limit=MAX_FILE_BYTES)
def plan_files(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    """Store or serve the archive of the files that a plan made below its work folder."""
    if request.method == "PUT":
        # Incompressible files take a little more space in an archive.
        most = installation().max_plan_files_bytes
        return _store_body(request, attempt, "files", limit=most + most // 10 + _ARCHIVE_BYTES)
    plan = latest_plan(attempt.step.job, "files")
    return (
        HttpResponse(plan.files, content_type=_BYTES) if plan is not None and plan.files is not None else _not_found()
    )


@executor_view("PUT")
def plan_manifest(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    """Store the digest over plan and archive, and the list of files that approvers see; sent last."""
    try:
        body = read_json(request)
        listed = from_report(body)
        digest = body.get("digest")
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise InvalidInput("digest must be 64 hexadecimal digits.")
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    values: dict[str, bytes | str | None] = {"digest": digest, "file_list": listed.stored()}
    if not listed.archived:
        # An earlier attempt of the step may have left one.
        values["files"] = None
    return _store_plan(attempt, values)


@executor_view("PUT", limit=MAX_FILE_BYTES)
def state_json(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    try:
        content = read_body(request)
    except InvalidInput as error:
        return error_response(error.message, 413, code=error.code)
    return JsonResponse({"kept": states.store_state_json(attempt.step.job, content)})


@executor_view("GET")
def source(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    """Serve the uploaded archive: the one that the job names, else the workspace's newest."""
    job = attempt.step.job
    versions = ConfigurationVersion.objects.filter(workspace=job.workspace_id, content__isnull=False)
    named = _VERSION_ID.search(job.override_source or "")
    version = (versions.filter(pk=named[1]) if named else versions).order_by("-created_date").first()
    return HttpResponse(version.content, content_type="application/gzip") if version is not None else _not_found()
