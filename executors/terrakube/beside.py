"""What Terrakube's executor calls beside its reports: log lines, the job's context, and the uploaded source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from executors.choices import ACTIVE
from executors.models import Attempt, JobContext
from executors.reporting.logs import Gap
from executors.terrakube.folding import Line, fold_lines
from workspaces.access import is_admin
from workspaces.api.errors import BadRequest, NotThere
from workspaces.api.media import read_json
from workspaces.api.plain import AnyJsonParser, PlainView
from workspaces.errors import WrongState
from workspaces.models import ConfigurationVersion, Job

MAX_BODY_BYTES = 32 * 2**20


class LargeJsonParser(AnyJsonParser):
    """A batch of lines, or a context with a plan's values, may be larger than what people send."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        return read_json(stream, limit=MAX_BODY_BYTES)


class ExecutorView(PlainView):
    """What an executor asks or says beside the API's resources."""

    parser_classes = (LargeJsonParser,)

    def require_internal(self) -> None:
        if not is_admin(self.actor):
            raise PermissionDenied("Only an executor, with the installation's internal token, may do this.")


# ---- log lines ------------------------------------------------------------------------------------------------------


class LogsView(ExecutorView):
    """``LogViaApi``: batches of lines, for Redis that executors cannot reach."""

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
        # Lines of a step that is over have no place any more, and would only come again if they were refused.
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
    """What Terrakube's API makes in Redis for readers that nobody is; there is nothing to do."""

    def post(self, request: Request, job_id: str) -> Response:
        self.require_internal()
        return Response(None)


# ---- the context ----------------------------------------------------------------------------------------------------


class ContextView(ExecutorView):
    """The JSON document beside a job, replaced as a whole."""

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
        # No body at all is read as an empty object, which would take away what is there.
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
        return HttpResponse(version.content, content_type="application/gzip")
