"""The panel's first page: what needs the person, what is stuck, failed, waits and runs, and the processes' health."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from executors.health import heartbeats
from executors.metrics.gauges import queue_size
from executors.runs import charts
from executors.runs.own_work import approvals, recent_workspaces
from executors.runs.stuck import stuck_jobs
from workspaces.actors import is_admin
from workspaces.admin.base import actor_of, allows, scope
from workspaces.choices import JobStatus
from workspaces.display import duration
from workspaces.jobs import capacity
from workspaces.models import Cluster, Job, Organization, Step, Workspace
from workspaces.querysets import Scope
from workspaces.reasons import REASONS, advice_for, in_language, told
from workspaces.reasons.names import NAMES

SHOWN = 12
LONG_QUEUE = 50
"""More waiting tasks than this are a backlog."""
_WORDS = re.compile(r"\{\w+\}")
MOST_OPEN = 2000


@dataclass(frozen=True, slots=True)
class Health:
    """Health of one part of the installation; ``tone`` is good, bad or quiet."""

    name: str
    tone: str
    text: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class FailedReason:
    """A reason of failed steps, their number, and advice."""

    code: str
    number: int
    sentence: str
    advice: str


def _health(name: str, title: str, help: str) -> Health:
    age = heartbeats.heartbeat_age(name)
    if age is None:
        return Health(title, "bad", _("never seen"), help)
    seen = _("Last seen %(age)s ago.") % {"age": duration(age)}
    if age.total_seconds() <= heartbeats.STALE_SECONDS:
        return Health(title, "good", _("works"), seen)
    return Health(title, "bad", _("silent"), f"{seen} {help}")


def _queue() -> Health:
    silent = heartbeats.queue_silent_since()
    if silent is not None:
        words = {"since": date_format(timezone.localtime(silent), "H:i:s e")}
        return Health(
            _("Queue"),
            "bad",
            _("has taken no tasks since %(since)s") % words,
            _("Jobs cannot start or continue without it. They continue automatically when it answers again."),
        )
    size = queue_size()
    if size is None:
        return Health(_("Queue"), "bad", _("does not answer"), _("Jobs cannot start or continue without it."))
    if not size:
        return Health(_("Queue"), "good", _("empty"))
    text = ngettext("%(number)d task waits", "%(number)d tasks wait", size) % {"number": size}
    if size < LONG_QUEUE:
        return Health(_("Queue"), "good", text)
    return Health(_("Queue"), "bad", text, _("More workers take them sooner."))


def _cluster() -> Health:
    age = heartbeats.heartbeat_age(heartbeats.CLUSTER)
    if age is None:
        return Health(_("Cluster"), "quiet", _("not used"), _("Steps run on the worker's machine."))
    if age.total_seconds() <= heartbeats.STALE_SECONDS:
        return Health(_("Cluster"), "good", _("answers"))
    text = _("no answer for %(age)s") % {"age": duration(age)}
    return Health(_("Cluster"), "bad", text, _("See the watcher's log and the check of the installation."))


def _other_cluster(cluster: Cluster) -> Health:
    title = _("Cluster %(name)s") % {"name": cluster.name}
    if cluster.silent_since is not None:
        text = _("no answer for %(age)s") % {"age": duration(timezone.now() - cluster.silent_since)}
        return Health(
            title,
            "bad",
            text,
            _("Until it answers, its steps wait, and running steps are not watched. See the page Clusters."),
        )
    if cluster.problem:
        return Health(title, "bad", _("cannot be used"), _("The page Clusters says why."))
    if cluster.answered_at is None:
        return Health(title, "quiet", _("not asked yet"), _("The watcher asks it in a moment."))
    return Health(title, "good", _("answers"))


def _parts(seen: Scope) -> list[Health]:
    return [
        _health(
            heartbeats.WORKER,
            _("Worker"),
            _("Jobs cannot start or continue without it. Start it with manage.py qcluster or manage.py up."),
        ),
        _health(
            heartbeats.WATCHER,
            _("Watcher"),
            _("Lost pods are not noticed without it. Start it with manage.py watch or manage.py up."),
        ),
        _queue(),
        _cluster(),
        *map(_other_cluster, Cluster.objects.to_reach().named_within(seen).filter(enabled=True)[:SHOWN]),
    ]


def _failed_reasons(seen: Scope, since: dt.datetime) -> list[FailedReason]:
    rows = (
        Step.objects.within(seen)
        .filter(status=JobStatus.FAILED, ended_at__gte=since)
        .exclude(reason_code="")
        .values_list("reason_code")
        .annotate(number=Count("pk"))
        .order_by("-number")[:SHOWN]
    )
    return [_failed_reason(code, number) for code, number in rows]


def _failed_reason(code: str, number: int) -> FailedReason:
    row = REASONS.get(code)
    said = (row.sentence if row is not None else "") or NAMES.get(code, "")
    # Details that differ from step to step are left out.
    sentence = _WORDS.sub("…", _(said)) if said else code.replace("-", " ").capitalize()
    return FailedReason(code, number, sentence, in_language(advice_for(told(code, ""))))


def _first_run(request: HttpRequest) -> str:
    """Return what is missing before a first job can be started: "organization", "workspace", or ""."""
    if not Organization.objects.within(scope(request)).exists():
        return "organization" if is_admin(actor_of(request)) else "team"
    if not Workspace.objects.within(scope(request)).exists():
        return "workspace"
    return ""


def _open_jobs(visible: QuerySet[Job]) -> list[Job]:
    """Return the open jobs: few, and selected by status before permissions are checked."""
    keys = list(Job.objects.unfinished().order_by("pk").values_list("pk", flat=True)[:MOST_OPEN])
    return list(visible.filter(pk__in=keys).order_by("pk"))


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the contents of the first page to its context."""
    seen = scope(request)
    visible = Job.objects.within(seen).select_related("workspace", "organization").defer("tcl")
    today = timezone.now() - dt.timedelta(hours=24)
    unfinished = _open_jobs(visible)
    capacity.note_places(unfinished)

    stuck = stuck_jobs(unfinished, visible, timezone.now())
    still = {one.job.pk for one in stuck}

    def having(*statuses: str) -> list[Job]:
        return [job for job in unfinished if job.status in statuses and job.pk not in still]

    running, starting = having(JobStatus.RUNNING), having(JobStatus.QUEUE)
    waiting = having(JobStatus.PENDING, JobStatus.APPROVED)
    decided_by = approvals(actor_of(request), having(JobStatus.WAITING_APPROVAL))
    health = _parts(seen)
    ended = charts.ended_jobs(Job.objects.within(seen))
    context |= {
        "running": running[:SHOWN],
        "starting": starting[:SHOWN],
        "waiting": waiting[:SHOWN],
        "to_approve": decided_by.mine[:SHOWN],
        "to_approve_by_others": decided_by.others[:SHOWN],
        "stuck": stuck[:SHOWN],
        "numbers": {
            "running": len(running),
            "starting": len(starting),
            "waiting": len(waiting),
            "to_approve": len(decided_by.mine),
            "to_approve_by_others": len(decided_by.others),
            "stuck": len(stuck),
        },
        "recent_workspaces": recent_workspaces(actor_of(request), visible),
        "failed": visible.filter(status=JobStatus.FAILED, ended_at__gte=today)[:SHOWN] if ended.totals["bad"] else [],
        "failed_reasons": _failed_reasons(seen, today),
        "ended": ended,
        "spans": [
            (_("Steps start in"), charts.start_durations(), _("No step has started in the last 24 hours.")),
            (
                _("Jobs take"),
                charts.job_durations(Job.objects.within(seen)),
                _("No job has ended in the last 24 hours."),
            ),
        ],
        "health": health,
        "unhealthy": any(part.tone == "bad" for part in health),
        "first_run": _first_run(request),
        "may_add_workspace": allows(request, "manage_workspace"),
    }
    return context
