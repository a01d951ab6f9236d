"""Send reports: one process for each at a time, again after a refusal, and given up after some hours."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from terrakube_site.outgoing import OutgoingError
from vcs.connections.leases import backoff
from vcs.connections.problems import ConnectionProblem, request_problem
from vcs.connections.tokens import api_for, repository_of
from vcs.models import PullRequest, Report, ReportKind
from vcs.providers import provider_of
from vcs.providers.base import Api, ApiError, Provider, Repository, State, Status
from vcs.reports.comments import Note, comment_of, marker, moved_to_summary, workspace_key
from vcs.reports.dialects import BY_TYPE, Dialect
from vcs.reports.loading import earlier_facts, facts_of, summary_rows
from vcs.reports.markdown import shortened
from vcs.reports.outbox import due_after_limit
from vcs.reports.states import combined, status_of
from vcs.reports.summary import KEY as SUMMARY_KEY
from vcs.reports.summary import summary_of
from workspaces.choices import JobStatus
from workspaces.models import Job, Vcs
from workspaces.task_queue.client import enqueue

logger = logging.getLogger(__name__)
K = ReportKind
LEASE = dt.timedelta(seconds=120)
GIVE_UP_AFTER = dt.timedelta(hours=6)
FIRST_WAIT, LONGEST_WAIT = dt.timedelta(seconds=15), dt.timedelta(minutes=30)
_EVERY = {K.COMBINED: dt.timedelta(seconds=5), K.SUMMARY: dt.timedelta(seconds=15)}
"""What is told of many workspaces changes all the time; it is told no more often than this."""
_AT_ONCE = 200
_FINAL_REFUSALS = frozenset({400, 404, 405, 409, 410, 413, 422})
_GONE = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be sent: its fingerprint, and a call that sends it and returns the id at the provider, if any."""

    fingerprint: str
    send: Callable[[Api], str]


def send_report(report_id: int) -> None:
    """Bring one status or comment up to date; nothing if it is, or if another process is at it."""
    report = _leased(report_id)
    if report is None:
        return
    try:
        _send(report)
    except (ApiError, ConnectionProblem, OutgoingError) as error:
        _failed(report, error)
    except Exception:
        # A fault of ours: tried again as a refusal, since the next version may know better.
        logger.exception("Report %s could not be made", report.pk)
        _failed(report, ApiError(500, "The report could not be made; the log of the worker tells more"))


def send_due() -> None:
    """Queue the reports that are due: those that wait after a refusal, and those whose task was lost."""
    now = timezone.now()
    due = Report.objects.filter(due_at__lte=now).filter(Q(leased_until=None) | Q(leased_until__lte=now))
    for key in due.order_by("due_at").values_list("pk", flat=True)[:_AT_ONCE]:
        enqueue("vcs.tasks.send_report", key)


def _leased(report_id: int) -> Report | None:
    """Take a due report for this process alone; None if it is not due, or another process has it."""
    now = timezone.now()
    due = Report.objects.filter(pk=report_id, due_at__lte=now).filter(Q(leased_until=None) | Q(leased_until__lte=now))
    if not due.update(leased_until=now + LEASE):
        return None
    return Report.objects.select_related("vcs", "workspace", "job__workspace", "job__organization").get(pk=report_id)


def _send(report: Report) -> None:
    now = timezone.now()
    allowed_at = due_after_limit(report.vcs, now)
    if allowed_at > now:
        # It became due by a change or a person while the limit lasts.
        Report.objects.filter(pk=report.pk).update(due_at=allowed_at, leased_until=None)
        return
    provider = provider_of(report.vcs)
    content = _content(report, provider) if provider is not None else None
    if content is None or content.fingerprint == report.sent:
        _done(report, report.sent if content is None else content.fingerprint)
        return
    wait = _wait(report)
    if wait is not None:
        Report.objects.filter(pk=report.pk).update(due_at=wait, leased_until=None)
        return
    api = api_for(report.vcs, report.repository)
    if not Report.objects.filter(pk=report.pk, due_at__lte=timezone.now()).exists():
        # Meanwhile another report met a limit of the connection, which holds up this one too.
        Report.objects.filter(pk=report.pk).update(leased_until=None)
        return
    remote_id = content.send(api)
    _done(report, content.fingerprint, remote_id=remote_id, sent_at=timezone.now())


def _wait(report: Report) -> dt.datetime | None:
    if report.kind not in _EVERY or report.sent_at is None:
        return None
    then = report.sent_at + _EVERY[ReportKind(report.kind)]
    return then if then > timezone.now() else None


def _done(report: Report, fingerprint: str, **columns: object) -> None:
    """Note what was told. A change that came meanwhile leaves the report due, and is sent by another task."""
    told = {"sent": fingerprint, "leased_until": None, "tries": 0, "failing_since": None, "problem": "", **columns}
    if not Report.objects.filter(pk=report.pk, changed_at=report.changed_at).update(due_at=None, **told):
        Report.objects.filter(pk=report.pk).update(**told)
        enqueue("vcs.tasks.send_report", report.pk)
    _show(report, "")


def _failed(report: Report, error: ApiError | ConnectionProblem | OutgoingError) -> None:
    """Plan the next try, or give up: after some hours, or at once where a further try would be refused alike."""
    now = timezone.now()
    since = report.failing_since or now
    problem = request_problem(error, report.vcs, urlsplit(report.repository).path.strip("/"))
    status = error.status if isinstance(error, ApiError) else None
    told_to_wait = problem.retry_after
    is_final = isinstance(error, ApiError) and (error.is_moved or status in _FINAL_REFUSALS)
    wait = backoff(report.tries + 1, first=FIRST_WAIT, longest=LONGEST_WAIT, retry_after=told_to_wait)
    gives_up = (is_final and told_to_wait is None) or now + wait - since > GIVE_UP_AFTER
    Report.objects.filter(pk=report.pk).update(
        due_at=None if gives_up else now + wait,
        leased_until=None,
        tries=F("tries") + 1,
        failing_since=since,
        problem=str(problem.sentence),
    )
    logger.warning("Report %s to %s failed: %s", report.pk, report.vcs_id, problem.sentence)
    if told_to_wait is not None:
        # The limit is the connection's: what else is due would only prolong it, and so would what is new.
        Vcs.objects.filter(pk=report.vcs_id).update(limited_until=now + wait)
        Report.objects.filter(vcs=report.vcs_id, due_at__lt=now + wait).exclude(pk=report.pk).update(due_at=now + wait)
    _show(report, str(problem.sentence))


def _show(report: Report, problem: str) -> None:
    """Let the job say what keeps its pull request from being told."""
    jobs = Job.objects.none()
    if report.kind == K.COMMENT and report.job_id is not None:
        jobs = Job.objects.filter(pk=report.job_id)
    elif report.kind == K.SUMMARY:
        of_commit = {"commit": report.commit, "pull_request": report.pull_request}
        told = Report.objects.filter(vcs=report.vcs_id, repository=report.repository, kind=K.STATUS, **of_commit)
        jobs = Job.objects.filter(pk__in=told.values("job"))
    jobs.exclude(pr_comment_error=problem or None).update(pr_comment_error=problem or None)


# ---- what is sent ---------------------------------------------------------------------------------------------------


def _content(report: Report, provider: Provider) -> Content | None:
    """Return what to tell now; None if there is nothing (any more), or the provider takes nothing of the kind."""
    dialect = BY_TYPE[report.vcs.vcs_type]
    if report.kind in {K.STATUS, K.COMBINED}:
        return None if provider.statuses is None else _status(report, provider, dialect)
    return None if provider.comments is None else _comment(report, provider, dialect)


def _status(report: Report, provider: Provider, dialect: Dialect) -> Content | None:
    statuses = provider.statuses
    if report.kind == K.COMBINED:
        said, name, url = combined(_states_of(report)), "Terrakube", str(settings.PUBLIC_URL)
    elif report.job is None:
        return None
    else:
        facts = facts_of(report.job)
        said, url = status_of(facts), facts.url
        name = f"Terrakube - {facts.organization} - {facts.workspace}"
    status = Status(
        state=said.state,
        name=name[: max(dialect.name_limit, 255)],
        description=shortened(said.description, dialect.description_limit),
        url=url,
    )
    # While nothing has ended the sentence may change often; the provider shows a state.
    words = "" if said.state in {State.PENDING, State.RUNNING} and report.kind == K.STATUS else status.description

    def send(api: Api) -> str:
        if statuses is not None:
            statuses.send_status(api, _repository(report), report.commit, status)
        return ""

    return Content(_fingerprint(said.state, words, url), send)


def _states_of(report: Report) -> dict[str, State]:
    """Return the states of a commit's workspaces, by name."""
    rows = Report.objects.filter(
        vcs=report.vcs_id, repository=report.repository, kind=K.STATUS, commit=report.commit, job__isnull=False
    ).select_related("job__workspace", "job__organization")
    return {f"{row.job.workspace.name}": status_of(facts_of(row.job, plan=False)).state for row in rows if row.job}


def _comment(report: Report, provider: Provider, dialect: Dialect) -> Content | None:
    comments = provider.comments
    number = report.pull_request
    if comments is None or number is None:
        return None
    repository = _repository(report)
    head, text = _text(report, dialect)
    if not text:
        return None

    def send(api: Api) -> str:
        remote_id = report.remote_id
        if not remote_id:
            # An answer that was lost may have created it already.
            remote_id = comments.find_comment(api, repository, number, head) or ""
        if remote_id:
            try:
                comments.edit_comment(api, repository, number, remote_id, text)
            except ApiError as error:
                if error.status not in _GONE:
                    raise
                remote_id = ""
        if not remote_id:
            remote_id = comments.create_comment(api, repository, number, text)
        if report.answers:
            _react(api, provider, report, repository, number)
        return remote_id

    return Content(_fingerprint(text), send)


def _text(report: Report, dialect: Dialect) -> tuple[str, str]:
    """Return the first line of a comment, by which it is found again, and the whole of it; "" for nothing to tell."""
    head = marker(_marker_key(report), dialect=dialect)
    if report.kind == K.REPLY:
        return head, f"{head}\n{report.body}"
    if report.kind == K.SUMMARY:
        return head, _summary(report, dialect)
    if report.job is None:
        return head, ""
    if Report.objects.filter(
        vcs=report.vcs_id, repository=report.repository, kind=K.SUMMARY, pull_request=report.pull_request
    ).exists():
        name, key = report.job.workspace.name, str(report.workspace_id)
        return head, moved_to_summary(key, name, dialect=dialect) if report.remote_id else ""
    return head, comment_of(facts_of(report.job), dialect=dialect, note=_note(report))


def _marker_key(report: Report) -> str:
    if report.kind == K.REPLY:
        return f"reply:{report.key}"
    return SUMMARY_KEY if report.kind == K.SUMMARY else workspace_key(str(report.workspace_id))


def _summary(report: Report, dialect: Dialect) -> str:
    record = _record(report)
    rows = summary_rows(report)
    if record is None or not rows:
        return ""
    url = f"{settings.PUBLIC_URL}{reverse('admin:vcs_pullrequest_change', args=[record.pk])}"
    return summary_of(rows, commit=record.commit, url=url, dialect=dialect, commands=record.open)


def _react(api: Api, provider: Provider, report: Report, repository: Repository, number: int) -> None:
    """React to the comment that is answered; the answer stands without it."""
    if provider.comments is None:
        return
    try:
        provider.comments.acknowledge(api, repository, number, report.answers, accepted=report.accepted)
    except (ApiError, OutgoingError) as error:
        logger.info("Comment %s has no reaction: %s", report.answers, error)


def _note(report: Report) -> Note:
    job = report.job
    if job is None or report.workspace is None or report.pull_request is None:
        return Note()
    known = _record(report)
    is_open = known is None or known.open
    return Note(
        lock=(report.workspace.lock_description or "Locked") if report.workspace.locked else "",
        may_apply=is_open and job.save_plan and job.status == JobStatus.WAITING_APPROVAL,
        commands=is_open,
        outdated=known is not None and bool(known.commit) and known.commit != job.commit_id,
        earlier=earlier_facts(job),
    )


def _record(report: Report) -> PullRequest | None:
    """Return what is known of a report's pull request."""
    of_request = {"repository": report.repository, "number": report.pull_request}
    found: PullRequest | None = PullRequest.objects.filter(vcs=report.vcs_id, **of_request).first()
    return found


def _repository(report: Report) -> Repository:
    return repository_of(report.vcs, report.repository)


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
