"""The filters of lists of runs, as a query of jobs."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Q, QuerySet
from rest_framework.request import Request

from tfe.run_statuses import RUN_STATUSES, with_step
from workspaces.choices import PLAN_TYPES, StepType, Via
from workspaces.models import Job

_DESTROYS = with_step(type__in=[StepType.DESTROY, StepType.PLAN_DESTROY])
_OPERATIONS: Mapping[str, Q] = {
    "plan_only": Q(plan_only=True),
    "save_plan": Q(save_plan=True),
    "plan_and_apply": Q(plan_only=False, save_plan=False, refresh_only=False) & with_step(type__in=sorted(PLAN_TYPES)),
    "refresh_only": Q(refresh_only=True),
    "destroy": Q(plan_only=False) & _DESTROYS,
}
_OTHERS = [via for via in Via if via not in {Via.CLI, Via.UI}]
_SOURCES: Mapping[str, Q] = {
    "tfe-api": Q(via=Via.CLI),
    "tfe-ui": Q(via=Via.UI),
    "tfe-configuration-version": Q(via__in=_OTHERS),
}
_NONE = Q(pk__in=[])


def filtered(jobs: QuerySet[Job], request: Request) -> QuerySet[Job]:
    """Return the jobs that a request asks for; none for a value that no run has."""
    asked = request.query_params
    for name, known in (("status", RUN_STATUSES), ("operation", _OPERATIONS), ("source", _SOURCES)):
        if wanted := _words(asked.get(f"filter[{name}]", "")):
            jobs = jobs.filter(_any(known, wanted))
    user, commit, basic = (asked.get(f"search[{name}]", "").strip() for name in ("user", "commit", "basic"))
    if user:
        jobs = jobs.filter(created_by__icontains=user)
    if commit:
        jobs = jobs.filter(commit_id__istartswith=commit)
    if basic and not user and not commit:
        number = basic.removeprefix("run-")
        named = Q(created_by__icontains=basic) | Q(commit_id__istartswith=basic) | Q(comments__icontains=basic)
        jobs = jobs.filter(named | Q(pk=int(number)) if number.isdecimal() and len(number) < 19 else named)
    return jobs


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _any(known: Mapping[str, Q], wanted: list[str]) -> Q:
    found = _NONE
    for word in wanted:
        found |= known.get(word, _NONE)
    return found
