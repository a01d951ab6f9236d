"""Other endpoints for Terrakube's executor: log lines, the job's context, and the uploaded source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from executors.choices import ACTIVE
from executors.logs.store import Gap
from executors.models import Attempt, JobContext
from executors.terrakube.log_lines import Line, fold_lines
from executors.terrakube.source_proof import note_upload_given
from terrakube_site.http.body_doors import Door
from terrakube_site.http.error_response import error_response
from workspaces.actors import is_admin
from workspaces.api.authentication import caller_of
from workspaces.api.errors import BadRequest, NotThere
from workspaces.api.json_views import AnyJsonParser, PlainView
from workspaces.api.jsonapi.media import read_json
from workspaces.errors import WrongState
from workspaces.models import ConfigurationVersion, Job

MAX_BODY_BYTES = 32 * 2**20
_ONLY_EXECUTORS = "Only an executor, with the installation's internal token, may do this."


class LargeJsonParser(AnyJsonParser):
    """A batch of lines, or a context with a plan's values, may be larger than requests of people."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        return read_json(stream, limit=MAX_BODY_BYTES)


def _admit_executor(request: HttpRequest, _arguments: Mapping[str, Any]) -> HttpResponse | None:
    """Admit a caller with all permissions of the installation, as an executor has, before the body is read."""
    caller = caller_of(request)
    if isinstance(caller, HttpResponse):
        return caller
    return None if is_admin(caller) else error_response(_ONLY_EXECUTORS, 403)


class ExecutorView(PlainView):
    """A call of an executor outside of the API's resources."""

    parser_classes = (LargeJsonParser,)
    door = Door(limit=MAX_BODY_BYTES, admit=_admit_executor)

    def require_internal(self) -> None:
        if not is_admin(self.actor):
            raise PermissionDenied(_ONLY_EXECUTORS)


# ---- log lines ------------------------------------------------------------------------------------------------------


class LogsView(ExecutorView):
    """``LogViaApi``: batches of lines, for executors that cannot reach Redis."""

    def post(self, request: Request) -> Response:
        self.require_internal()
        body = request.data
        rows = body.get("data") if isinstance(body, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BadRequest("The body must be an object whose data is a list of lines.")
        lines: dict[UUID, list[Line]] = {}
        for row in rows:
            step_id, line = _line(row)
            lines.setdefault(step_id, []).append(line)
        # Lines of an ended step cannot be stored, and would only be sent again if they were refused.
        for attempt in Attempt.objects.filter(step__in=lines, state__in=ACTIVE, session_hash=""):
            try:
                fold_lines(attempt, lines[attempt.step_id])
            except Gap:
                continue
        return Response(None)


def _line(row: dict[str, Any]) -> tuple[UUID, Line]:
    step_id, number, text = row.get("stepId"), row.get("lineNumber"), row.get("output", "")
    try:
        key = UUID(str(step_id))
    except ValueError:
        raise BadRequest("stepId must be a UUID.") from None
    counted = number if type(number) is int and 0 < number < 2**53 else None
    return key, Line(counted, text if isinstance(text, str) else "")


class ConsumerGroupsView(ExecutorView):
    """Terrakube's API creates consumer groups in Redis here; nothing reads them, so there is nothing to do."""

    def post(self, request: Request, job_id: str) -> Response:
        self.require_internal()
        return Response(None)


# ---- the context ----------------------------------------------------------------------------------------------------


class ContextView(ExecutorView):
    """The JSON document of a job, replaced as a whole."""

    def _job(self, job_id: str) -> Job:
        number = int(job_id) if job_id.isdecimal() and len(job_id) < 19 else 0
        job: Job | None = Job.objects.visible_to(self.actor).filter(pk=number).first()
        if job is None:
            raise NotThere(f"There is no job {job_id[:20]}.")
        return job

    def get(self, request: Request, job_id: str) -> HttpResponse:
        context = JobContext.objects.filter(job=self._job(job_id)).first()
        return _json(context.content if context is not None else b"{}")

    def post(self, request: Request, job_id: str) -> HttpResponse:
        job = self._job(job_id)
        self.require_internal()
        document = request.data
        # An empty body would be read as an empty object and erase the stored context.
        if not isinstance(document, dict) or not int(request.META.get("CONTENT_LENGTH") or 0):
            raise BadRequest("The body must be a JSON object.")
        if job.is_final:
            raise WrongState(f"Job {job.pk} has ended: it is {job.get_status_display().lower()}.")
        try:
            content = json.dumps(document).encode()
        except RecursionError:
            raise BadRequest("The body is nested too deeply.") from None
        JobContext.objects.update_or_create(job=job, defaults={"content": content})
        return _json(content)


def _json(content: bytes) -> HttpResponse:
    return HttpResponse(content, content_type="application/json")


# ---- the source -----------------------------------------------------------------------------------------------------


class SourceView(ExecutorView):
    """The archive of an uploaded source."""

    def get(self, request: Request, version_id: UUID) -> HttpResponse:
        self.require_internal()
        version = ConfigurationVersion.objects.filter(pk=version_id, content__isnull=False).first()
        if version is None:
            raise NotThere("There is no such source.")
        note_upload_given(version_id)
        return HttpResponse(version.content, content_type="application/gzip")
