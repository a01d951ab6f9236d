"""Reports of Terrakube's executor: the API's own paths, with the installation's internal token.

Everything else at these paths, and every call with a person's token, stays with the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from executors.terrakube import history, progress
from executors.terrakube.progress import REPORTS, JobReport
from workspaces.actors import TokenUser
from workspaces.api.jsonapi import input as bodies
from workspaces.api.jsonapi import parameters, paths, registry
from workspaces.api.jsonapi.attributes import clean_text
from workspaces.api.jsonapi.paths import Collection, Element
from workspaces.api.jsonapi.views import ResourceView, element_document
from workspaces.choices import JobStatus
from workspaces.models import Job, Step, Workspace


def _is_internal(request: Request) -> bool:
    caller: object = request.user
    return isinstance(caller, TokenUser) and caller.internal


def _text(attributes: Mapping[str, Any], name: str) -> str:
    value = attributes.get(name)
    return clean_text(value) if isinstance(value, str) else ""


class ReportView(ResourceView):
    """A path at which an executor changes a job or a step."""

    def patch(self, request: Request, path: str) -> Response:
        if not _is_internal(request):
            return super().patch(request, path)
        target = paths.find(path, self.actor)
        if not isinstance(target, Element):
            return super().patch(request, path)
        data = bodies.data_of(request.data, target.resource, key=str(target.record.pk))
        attributes = data.get("attributes")
        status = attributes.get("status") if isinstance(attributes, dict) else None
        if isinstance(target.record, Job) and isinstance(attributes, dict) and attributes.keys() == {"commitId"}:
            progress.commit_found(target.record, _text(attributes, "commitId"))
            return Response(status=HTTPStatus.NO_CONTENT)
        if not isinstance(attributes, dict) or not isinstance(status, str) or status not in REPORTS:
            return super().patch(request, path)
        if isinstance(target.record, Job):
            _take_job_report(target.record, JobStatus(status), attributes)
        elif isinstance(target.record, Step):
            _take_step_report(target.record, JobStatus(status), attributes)
        return Response(status=HTTPStatus.NO_CONTENT)


def _take_job_report(job: Job, status: JobStatus, attributes: Mapping[str, Any]) -> None:
    if status == JobStatus.RUNNING:
        progress.begin(job, _text(attributes, "commitId"))
        return
    report = JobReport(
        status=status,
        plan_changes=attributes.get("planChanges") is not False,
        plan=_text(attributes, "terraformPlan") or None,
        commit_id=_text(attributes, "commitId"),
        output=_text(attributes, "output"),
    )
    progress.end_job(job, report)


def _take_step_report(step: Step, status: JobStatus, attributes: Mapping[str, Any]) -> None:
    if status == JobStatus.RUNNING:
        progress.begin_step(step)
    else:
        progress.end_step(step, succeeded=status == JobStatus.COMPLETED, output=_text(attributes, "output"))


class HistoryView(ResourceView):
    """A workspace's states, to which an executor adds."""

    def post(self, request: Request, path: str) -> Response:
        target = paths.find(path, self.actor)
        if not _is_internal(request) or not isinstance(target, Collection) or not isinstance(target.owner, Workspace):
            return super().post(request, path)
        resource = registry.get("history")
        attributes = bodies.data_of(request.data, resource).get("attributes")
        given = attributes if isinstance(attributes, dict) else {}
        version = history.record(target.owner, given.get("output"), given.get("jobReference"), by=self.actor)
        asked = parameters.read(request.query_params, resource, many=False)
        return Response(element_document(resource, version, self.actor, asked, new=True), status=HTTPStatus.CREATED)
