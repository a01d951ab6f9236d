"""Make drift checks when there is room for them, and give them back when another job comes.

A check is a job with one plan. It is the lowest class: it has no place in the queue for capacity, starts only where no
other job of its workspace is open, and is cancelled as soon as one comes or needs its room. The stalest workspace is
checked first, within its organization's budget.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from workspaces import flows
from workspaces.choices import IN_EXECUTOR, DriftStatus, RoomClass, StepType, Via
from workspaces.errors import ServiceError
from workspaces.flows import FlowStep
from workspaces.jobs import capacity, transitions
from workspaces.jobs.blockers import given_back_for_room, given_back_to
from workspaces.jobs.schedules import CLOCK_NAME
from workspaces.jobs.start_rules import parsed
from workspaces.models import Drift, Job, Organization, RunLimits, Workspace
from workspaces.models.job import HIGHEST_PRIORITY
from workspaces.querysets import DRIFT_CHECKS, WorkspaceQuerySet
from workspaces.services import drift_results
from workspaces.services.jobs import create_job

logger = logging.getLogger(__name__)
INTERVAL_HOURS = 24
CONCURRENT_CHECKS = 2
DAILY_CHECKS = 200
"""What an organization may have where it sets nothing."""
_AT_ONCE = 20
"""Checks that are made in one turn."""
_LOOKED_AT = 50


def turn(now: dt.datetime) -> None:
    """Do what is due; called at each beat of the worker."""
    give_back_all()
    drift_results.judge_ended()
    start_due(now)


# ---- making ---------------------------------------------------------------------------------------------------------


def checked_workspaces() -> WorkspaceQuerySet:
    """Return the workspaces with ``drift_on`` and ``drift_hours``: their own settings, else their organization's."""
    rows: WorkspaceQuerySet = Workspace.objects.all()
    found: WorkspaceQuerySet = rows.annotate(
        drift_on=Coalesce("run_limits__drift_checks", "organization__run_limits__drift_checks", Value(False)),
        drift_hours=Coalesce(
            "run_limits__drift_interval_hours",
            "organization__run_limits__drift_interval_hours",
            Value(INTERVAL_HOURS),
        ),
    )
    return found


def due_workspaces(now: dt.datetime) -> WorkspaceQuerySet:
    """Return the workspaces whose check is due and that no other job is on, the stalest first."""
    set_hours = RunLimits.objects.exclude(drift_interval_hours=None).values_list("drift_interval_hours", flat=True)
    known = {INTERVAL_HOURS, *(hours for hours in set_hours.distinct() if hours is not None)}
    # Each interval by its value: the two databases multiply times differently.
    before = Case(*(When(drift_hours=hours, then=Value(now - dt.timedelta(hours=hours))) for hours in sorted(known)))
    by_interval = Q(drift__due_at=None) & (Q(drift__tried_at=None) | Q(drift__tried_at__lte=before))
    found: WorkspaceQuerySet = (
        checked_workspaces()
        .alive()
        .filter(Q(drift__due_at__lte=now) | by_interval, drift_on=True, locked=False)
        .exclude(Exists(Job.objects.open_on_workspace().filter(workspace=OuterRef("pk"))))
        .order_by(F("drift__checked_at").asc(nulls_first=True), "pk")
    )
    return found


def start_due(now: dt.datetime | None = None) -> list[Job]:
    """Make the checks that are due and for which there is room and budget; safe to call from several processes."""
    now = now or timezone.now()
    if capacity.somebody_waits() or not RunLimits.objects.filter(drift_checks=True).exists():
        # No workspace is looked at where nobody has switched checks on.
        return []
    due = due_workspaces(now)
    made: list[Job] = []
    spent: set[UUID] = set()
    for _turn in range(_AT_ONCE):
        rows = due.exclude(organization__in=spent).select_related("organization", "default_template", "drift")
        workspace = rows.first()
        if workspace is None:
            break
        job = _make(workspace, now)
        if job is None:
            # Its organization has no budget or no room; others may.
            spent.add(workspace.organization_id)
        else:
            made.append(job)
    return made


def _make(workspace: Workspace, now: dt.datetime) -> Job | None:
    """Make the check of one workspace; None if its organization may have no more, or no limit leaves room."""
    with transaction.atomic():
        # Two turns at once count the same budget one after the other.
        Organization.objects.select_for_update(no_key=True).get(pk=workspace.organization_id)
        if not has_budget(workspace.organization_id, now) or not _has_room(workspace):
            return None
        record, _new = Drift.objects.get_or_create(workspace=workspace)
        record.tried_at, record.due_at, record.judged = now, None, True
        try:
            with transaction.atomic():
                check = create_job(
                    workspace,
                    by=None,
                    tcl=flows.as_yaml((_plan_of(workspace),)),
                    plan_only=True,
                    via=Via.DRIFT,
                    priority=-HIGHEST_PRIORITY,
                    named=CLOCK_NAME,
                )
        except ServiceError as error:
            logger.warning("Drift of %s cannot be checked: %s", workspace, error.message)
            record.check_job, record.status, record.checked_at = None, DriftStatus.FAILED, now
            record.result_job = None
            record.save()
            return None
        record.check_job, record.judged = check, False
        record.save()
        return check


def _plan_of(workspace: Workspace) -> FlowStep:
    """Return the plan of the workspace's default template, with the commands that prepare it, else a plain one."""
    template = workspace.default_template
    found: Iterable[FlowStep] = ()
    if template is not None:
        try:
            found = flows.plan_part(parsed(template.tcl))
        except flows.FlowError:
            logger.info("The default template of %s is invalid; its drift check is a plain plan", workspace)
    plain = FlowStep(type=StepType.PLAN.value, step=100, name="Drift check")
    return next((step for step in found if step.type == StepType.PLAN), plain)


def has_budget(organization_id: UUID, now: dt.datetime) -> bool:
    """Return whether an organization may have one more check now: of those at once, and of those in 24 hours."""
    row = RunLimits.objects.filter(organization=organization_id).first()
    at_once = getattr(row, "drift_concurrent_checks", None) or CONCURRENT_CHECKS
    daily = getattr(row, "drift_daily_checks", None) or DAILY_CHECKS
    checks = Job.objects.drift_checks().filter(organization=organization_id)
    if checks.unfinished().count() >= at_once:
        return False
    return checks.filter(created_date__gt=now - dt.timedelta(days=1)).count() < daily


def _has_room(workspace: Workspace) -> bool:
    """Return whether every limit over a workspace leaves room for one more step."""
    job = Job(workspace=workspace, organization=workspace.organization)
    return all(limit.used() < limit.value for limit in capacity.limits_over(job, RoomClass.STEP))


# ---- giving back ----------------------------------------------------------------------------------------------------


def give_back(job_id: int) -> list[int]:
    """Cancel the checks on a job's workspace, and one under each full limit if it waits for room; return their numbers.

    Safe to call twice, and for a job that has ended or needs nothing.
    """
    job = Job.objects.unfinished().select_related("workspace", "organization").filter(pk=job_id).first()
    if job is None or job.is_drift_check:
        return []
    here = Job.objects.unfinished().drift_checks().filter(workspace=job.workspace_id).order_by("pk")
    why = given_back_to(job.pk)
    given = [key for key in here.values_list("pk", flat=True) if transitions.cancel(key, by=CLOCK_NAME, why=why)]
    if not job.waits_for_room:
        return given
    for limit in capacity.limits_over(job, job.waits_for_room):
        if limit.used() < limit.value:
            continue
        # The newest has done the least.
        key = capacity.checks_under(limit).values_list("job_id", flat=True).first()
        if key is not None and transitions.cancel(key, by=CLOCK_NAME, why=given_back_for_room(job.pk)):
            given.append(key)
    return given


def give_back_all() -> None:
    """Give back checks for jobs whose task to do so was lost; a few queries where there is nothing to do."""
    checks = Job.objects.unfinished().drift_checks()
    keys = list(checks.order_by("pk").values_list("workspace_id", flat=True)[:_LOOKED_AT])
    if not keys:
        return
    others = Job.objects.unfinished().exclude(DRIFT_CHECKS)
    found = list(others.filter(workspace__in=keys).order_by("pk").values_list("pk", flat=True)[:_LOOKED_AT])
    if checks.filter(steps__status__in=sorted(IN_EXECUTOR)).exists():
        found += capacity.waiting().order_by("pk").values_list("pk", flat=True)[:_LOOKED_AT]
    for job_id in dict.fromkeys(found):
        give_back(job_id)
