"""What is kept of jobs that have ended and of states, and for how long.

Three things are removed, each in small transactions of one job or workspace:

- *Logs and plans* (with plan JSON, the context and the attempts' timelines), by age and by number of a workspace's
  ended jobs. The job stays, and says where they were what was removed, when and why.
- *Whole jobs*, where ``KEEP_JOB_HISTORY=N`` stands among the ENV variables of a workspace or its organization, with
  Terrakube's meaning: beside the job that ended last its N predecessors are kept. ``KEEP_JOB_HISTORY_SOFT_DELETE=true``
  hides the others instead.
- *Old versions of states*, by number. The current one of a workspace always stays.

Nothing is removed of a job that has not ended, that still holds its workspace, or of which an executor is not proved
gone.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from executors.models import Attempt, AttemptEvent, AttemptLook, JobContext, LogChunk
from workspaces import run_limits
from workspaces.choices import FINAL_JOB, Category
from workspaces.models import (
    ConfigurationVersion,
    GlobalVariable,
    Job,
    RunLimits,
    SavedPlan,
    StateVersion,
    Variable,
    Workspace,
)
from workspaces.querysets import DRIFT_CHECKS
from workspaces.reasons import Reason, reason

logger = logging.getLogger(__name__)
AT_ONCE = 50
"""Maximum number of jobs per pass."""
KEEP, SOFT = "KEEP_JOB_HISTORY", "KEEP_JOB_HISTORY_SOFT_DELETE"


def safe_jobs() -> QuerySet[Job]:
    """Return the ended jobs without a running or possibly running attempt."""
    unproved = Attempt.objects.filter(step__job=OuterRef("pk"), cleaned_at=None)
    return Job.objects.filter(~Exists(unproved), status__in=FINAL_JOB, ended_at__isnull=False, holds_workspace=False)


def turn(*, at_most: int = AT_ONCE) -> bool:
    """Remove what is due, from at most this many jobs. Return True if more may be due."""
    done = 0
    for job_id, why in _to_trim(at_most):
        done += _trim(job_id, why)
    for job_id, soft in _to_drop(at_most):
        done += _drop(job_id, soft=soft)
    done += _drop_sources(at_most)
    done += _drop_states(at_most)
    return done >= at_most


# ---- logs and plans -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Level:
    """A scope of the installation with one value of a limit."""

    value: int
    within: Q


def _levels(name: str, *, organization: str = "organization") -> list[_Level]:
    """Return where which value of a limit applies: the one set closest to the workspace.

    ``organization`` is the way from the filtered records to it.
    """
    rows = list(RunLimits.objects.exclude(**{name: None}))
    workspaces = [row.workspace_id for row in rows if row.workspace_id is not None]
    organizations = [row.organization_id for row in rows if row.organization_id is not None]
    found = [_Level(getattr(row, name), Q(workspace=row.workspace_id)) for row in rows if row.workspace_id is not None]
    others = ~Q(workspace__in=workspaces) if workspaces else Q()
    for row in rows:
        if row.organization_id is not None:
            found.append(_Level(getattr(row, name), Q(**{organization: row.organization_id}) & others))
    whole = getattr(run_limits.installation_limits(), name)
    if whole is not None:
        found.append(_Level(whole, (~Q(**{f"{organization}__in": organizations}) if organizations else Q()) & others))
    return found


def _to_trim(at_most: int) -> Iterator[tuple[int, Reason]]:
    """Return the jobs whose logs and plans are due, with the reason."""
    now, due = timezone.now(), safe_jobs().filter(trimmed_at=None)
    for level in _levels("keep_log_days"):
        old = due.filter(level.within, ended_at__lt=now - dt.timedelta(days=level.value)).order_by("ended_at")
        for job_id in list(old.values_list("pk", flat=True)[:at_most]):
            yield job_id, reason("", "kept-days", number=level.value) if level.value > 1 else reason("", "kept-one-day")
    for level in _levels("keep_jobs"):
        kept = reason("", "newest-kept") if level.value == 1 else reason("", "newest-jobs-kept", number=level.value)
        ended = Job.objects.filter(level.within, trimmed_at=None, ended_at__isnull=False)
        # Counted apart: a drift check a day would else take the place of the jobs that people started.
        for asked in (~DRIFT_CHECKS, DRIFT_CHECKS):
            for job_id in _beyond(ended.filter(asked), level.value, due.filter(asked), at_most):
                yield job_id, kept


def _beyond(ended: QuerySet[Job], kept: int, removable: QuerySet[Job], at_most: int) -> Iterator[int]:
    """Return the removable ended jobs beyond the newest ``kept`` of each workspace."""
    full = ended.values("workspace_id").annotate(number=Count("pk")).filter(number__gt=kept)
    # In random order: workspaces without removable jobs must not hold up the others.
    for row in list(full.order_by("?")[:at_most]):
        of_workspace = ended.filter(workspace=row["workspace_id"])
        last = of_workspace.order_by("-pk").values_list("pk", flat=True)[kept - 1 : kept].first() if kept else None
        older = removable.filter(workspace=row["workspace_id"])
        if last is not None:
            older = older.filter(pk__lt=last)
        yield from list(older.order_by("pk").values_list("pk", flat=True)[:at_most])


def _locked(job_id: int) -> Job | None:
    """Lock a job that can still be removed; None if it no longer can."""
    row = Job.objects.select_for_update(of=("self",)).filter(pk=job_id).first()
    return row if row is not None and safe_jobs().filter(pk=job_id).exists() else None


def _trim(job_id: int, why: Reason) -> bool:
    now = timezone.now()
    with transaction.atomic():
        job = _locked(job_id)
        if job is None or job.trimmed_at is not None:
            return False
        note = f"[This log was removed on {now:%Y-%m-%d} by retention: {why}.]\n"
        for attempt in Attempt.objects.filter(step__job=job, log_size__gt=0).only("pk", "log_size"):
            _replace_log(attempt, note.encode())
        mine = Attempt.objects.filter(step__job=job)
        AttemptEvent.objects.filter(attempt__in=mine).delete()
        AttemptLook.objects.filter(attempt__in=mine).delete()
        SavedPlan.objects.filter(step__job=job).delete()
        JobContext.objects.filter(job=job).delete()
        Job.objects.filter(pk=job.pk).update(trimmed_at=now, trimmed_why=str(why), trimmed_words=why.as_words())
    return True


def _replace_log(attempt: Attempt, note: bytes) -> None:
    """Replace a log by a note at its end; its size stays, so that every reader still finds that end."""
    LogChunk.objects.filter(attempt=attempt).delete()
    gap = max(attempt.log_size - len(note), 0)
    chunks = [LogChunk(attempt=attempt, offset=gap, size=attempt.log_size - gap, data=note)]
    if gap:
        chunks.append(LogChunk(attempt=attempt, offset=0, size=gap, data=b""))
    LogChunk.objects.bulk_create(chunks)


def _drop_sources(at_most: int) -> int:
    """Remove uploaded sources that are older than the logs of their jobs may be, except each workspace's newest."""
    done = 0
    newer = ConfigurationVersion.objects.filter(
        workspace=OuterRef("workspace"), created_date__gt=OuterRef("created_date"), content__isnull=False
    )
    busy = Job.objects.unfinished().filter(workspace=OuterRef("workspace"))
    for level in _levels("keep_log_days"):
        workspaces = Q(workspace__in=Job.objects.filter(level.within).order_by().values("workspace"))
        old = ConfigurationVersion.objects.filter(
            Exists(newer),
            ~Exists(busy),
            workspaces,
            content__isnull=False,
            created_date__lt=timezone.now() - dt.timedelta(days=level.value),
        )
        keys = list(old.order_by("created_date").values_list("pk", flat=True)[:at_most])
        if keys:
            done += ConfigurationVersion.objects.filter(pk__in=keys).update(content=None)
    return done


# ---- states ---------------------------------------------------------------------------------------------------------


def _drop_states(at_most: int) -> int:
    """Remove the oldest versions of states beyond the number that is kept in each workspace. Return their number."""
    done = 0
    for level in _levels("keep_states", organization="workspace__organization"):
        versions = StateVersion.objects.filter(level.within).order_by()
        full = versions.values("workspace_id").annotate(kept=Count("pk")).filter(kept__gt=level.value)
        for row in list(full.order_by("?")[:at_most]):
            if done < at_most:
                done += _drop_states_of(row["workspace_id"], max(level.value, 1), at_most - done)
    return done


def _drop_states_of(workspace_id: UUID, kept: int, at_most: int) -> int:
    with transaction.atomic():
        # As every writer of a state does, so that the number of the newest one is settled.
        Workspace.objects.select_for_update(of=("self",)).get(pk=workspace_id)
        versions = StateVersion.objects.filter(workspace=workspace_id)
        last = versions.order_by("-number").values_list("number", flat=True)[kept - 1 : kept].first()
        if last is None:
            return 0
        older = versions.filter(number__lt=last).order_by("number")
        keys = list(older.values_list("pk", flat=True)[:at_most])
        # States are large: they are not loaded to be deleted.
        StateVersion.objects.filter(pk__in=keys).defer("content", "json").delete()
    logger.info("%s old states of the workspace %s were deleted, as ExecutorKeepStates asks", len(keys), workspace_id)
    return len(keys)


# ---- whole jobs -----------------------------------------------------------------------------------------------------


def _number(text: str) -> int | None:
    """Parse KEEP_JOB_HISTORY; None for an invalid number, which keeps all, as in Terrakube."""
    text = text.strip()
    return int(text) if text.isdecimal() and len(text) < 10 else None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Values that a workspace or an organization sets; None if unset. ``lost``: one of them cannot be decrypted."""

    keep: int | None = None
    soft: bool | None = None
    lost: bool = False


def _asked(rows: QuerySet[Any], owner: str) -> dict[UUID, _Wanted]:
    found: dict[UUID, dict[str, str]] = {}
    lost = set()
    for row in rows.filter(key__in=(KEEP, SOFT), category=Category.ENV).order_by():
        found.setdefault(getattr(row, owner), {})[row.key] = row.text_if_readable
        if row.lost:
            lost.add(getattr(row, owner))
    return {
        key: _Wanted(
            keep=_number(texts[KEEP]) if KEEP in texts else None,
            soft=texts[SOFT].strip().lower() == "true" if SOFT in texts else None,
            lost=key in lost,
        )
        for key, texts in found.items()
    }


def _to_drop(at_most: int) -> Iterator[tuple[int, bool]]:
    """Return the jobs beyond KEEP_JOB_HISTORY, and whether they are only to be hidden."""
    organizations = _asked(GlobalVariable.objects.all(), "organization_id")
    workspaces = _asked(Variable.objects.select_related("workspace"), "workspace_id")
    owners = dict(
        Variable.objects.filter(workspace__in=list(workspaces)).values_list("workspace", "workspace__organization")
    )
    ended = Job.objects.filter(status__in=FINAL_JOB, hidden=False)
    for key, own in workspaces.items():
        above = organizations.get(owners.get(key, key), _Wanted())
        if own.lost or (above.lost and None in (own.keep, own.soft)):
            # What was asked is not known, so nothing is deleted.
            continue
        keep = own.keep if own.keep is not None else above.keep
        if keep is not None:
            for job_id in _beyond(ended.filter(workspace=key), keep + 1, safe_jobs().filter(hidden=False), at_most):
                yield job_id, bool(own.soft if own.soft is not None else above.soft)
    for key, wanted in organizations.items():
        if wanted.keep is not None and not wanted.lost:
            of_all = ended.filter(organization=key).exclude(workspace__in=list(workspaces))
            for job_id in _beyond(of_all, wanted.keep + 1, safe_jobs().filter(hidden=False), at_most):
                yield job_id, bool(wanted.soft)


def _drop(job_id: int, *, soft: bool) -> bool:
    with transaction.atomic():
        job = _locked(job_id)
        if job is None or job.hidden:
            return False
        if soft:
            Job.objects.filter(pk=job.pk).update(hidden=True)
        else:
            job.delete()
    logger.info("Job %s was %s, as %s asks", job_id, "hidden" if soft else "deleted", KEEP)
    return True
