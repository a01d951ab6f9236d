"""The JSON of a run's plan: whole for who may read states, and without secrets for everyone who sees the run."""

from __future__ import annotations

import json
from http import HTTPStatus

from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext_noop as _
from rest_framework.request import Request

from tfe.runs.changes import json_of
from tfe.runs.find import Run, run_of
from tfe.runs.redaction import redacted
from tfe.views import TfeView
from workspaces.permissions import require_permission

READ = _("read a plan")


def _answer(content: bytes | None) -> HttpResponse:
    if content is None:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    response = HttpResponse(content, content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response


class PlanJsonView(TfeView):
    """``plans/ID/json-output`` and ``runs/ID/plan/json-output``: plans may hold secrets."""

    def get(self, request: Request, plan_id: str = "", run_id: str = "") -> HttpResponseBase:
        run = _run(self, plan_id, run_id)
        job = run.job
        require_permission(self.actor, job.organization, "manage_state", action=READ, workspace=job.workspace)
        return _answer(json_of(run))


class RedactedPlanView(TfeView):
    """``plans/ID/json-output-redacted`` and ``runs/ID/plan/json-output-redacted``."""

    def get(self, request: Request, plan_id: str = "", run_id: str = "") -> HttpResponseBase:
        content = json_of(_run(self, plan_id, run_id))
        plan = None if content is None else redacted(content)
        return _answer(None if plan is None else json.dumps(plan).encode())


def _run(view: TfeView, plan_id: str, run_id: str) -> Run:
    return run_of(view.actor, run_id) if run_id else run_of(view.actor, plan_id, "plan-")
