"""Handle deliveries: from what a provider sent to jobs on all workspaces that it is about, and a sentence for each."""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _
from structlog.contextvars import bound_contextvars

from terrakube_site.messages import Message, as_json, joined, marked, message
from terrakube_site.outgoing import OutgoingError
from vcs.choices import DeliveryStatus, EventKind
from vcs.commands.handling import handle_comment
from vcs.connections.problems import ConnectionProblem, request_problem
from vcs.deliveries.details import with_details
from vcs.deliveries.folders import folders_of
from vcs.deliveries.matching import Match, Place, Rule, match
from vcs.jobs.starting import Started, cancel_waiting_plans, start_job
from vcs.models import Delivery, DeliveryOutcome, PullRequest, RepositoryHook
from vcs.providers import provider_of
from vcs.providers.base import ApiError, Event, Ignored, normalized
from vcs.pull_requests.closing import closed
from vcs.pull_requests.records import note_concerned, seen
from vcs.reports.outbox import note_no_match
from workspaces.choices import VcsType
from workspaces.errors import ServiceError
from workspaces.models import WebhookEvent, Workspace
from workspaces.models.workspace import first_branch_of, first_folder_of
from workspaces.task_queue.client import enqueue

logger = logging.getLogger(__name__)
WAITS = (dt.timedelta(minutes=1), dt.timedelta(minutes=5))
"""Before the second and third try; then a person decides."""
LEASE = dt.timedelta(minutes=10)
"""After which a delivery whose worker said nothing more is handled by another."""
TASK_WAITS = dt.timedelta(minutes=1)
"""For its turn in the queue, before a new delivery's task counts as lost."""
_WITHOUT_RELEASES = frozenset({VcsType.BITBUCKET, VcsType.AZURE_DEVOPS, VcsType.AZURE_SP_MI})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A workspace whose webhook listens to the repository, by its key, with its rules in the order of their priority.

    Most match nothing, so their records are not loaded.
    """

    key: UUID
    place: Place
    rules: tuple[Rule, ...]


def handle_delivery(delivery_id: int) -> None:
    """Handle a delivery that waits for it; safe to run twice, and side by side."""
    delivery = _take(delivery_id)
    if delivery is None:
        return
    with bound_contextvars(delivery=delivery.pk):
        try:
            outcomes, sentences = _handle(delivery)
        except (ApiError, OutgoingError, ConnectionProblem) as error:
            name = urlsplit(delivery.hook.repository_url).path.strip("/")
            problem = request_problem(error, delivery.hook.vcs, name)
            logger.warning("Delivery %s of %s is not handled yet: %s", delivery.pk, delivery.hook, problem.sentence)
            _put_off(delivery, problem)
            return
        except Exception:
            logger.exception("Delivery %s of %s could not be handled", delivery.pk, delivery.hook)
            _put_off(delivery)
            return
        _finish(delivery, outcomes, sentences)


def handle_again(delivery: Delivery) -> None:
    """Let a delivery be handled once more, as for a webhook that has changed; jobs it started stay its jobs."""
    Delivery.objects.filter(pk=delivery.pk).update(
        status=DeliveryStatus.PENDING, attempts=0, next_try_at=timezone.now(), outcome=None
    )
    enqueue("vcs.tasks.handle_delivery", delivery.pk)


def due_deliveries(now: dt.datetime) -> list[int]:
    """Return the deliveries whose task was lost or whose next try is due."""
    waiting = Delivery.objects.filter(status__in=[DeliveryStatus.PENDING, DeliveryStatus.PROCESSING])
    due = Q(attempts=0, next_try_at__lte=now - TASK_WAITS) | Q(attempts__gt=0, next_try_at__lte=now)
    return list(waiting.filter(due).order_by("next_try_at").values_list("pk", flat=True)[:500])


# ---- the life of a delivery -----------------------------------------------------------------------------------------


def _take(delivery_id: int) -> Delivery | None:
    """Take a delivery for handling; None if another worker has it, or it is not due."""
    now = timezone.now()
    with transaction.atomic():
        rows = Delivery.objects.select_for_update(of=("self",)).select_related("hook__vcs__organization")
        delivery: Delivery | None = rows.filter(pk=delivery_id).first()
        if delivery is None or delivery.status not in {DeliveryStatus.PENDING, DeliveryStatus.PROCESSING}:
            return None
        if delivery.next_try_at is not None and delivery.next_try_at > now:
            return None
        delivery.status, delivery.attempts = DeliveryStatus.PROCESSING, delivery.attempts + 1
        delivery.next_try_at = now + LEASE
        delivery.save(update_fields=["status", "attempts", "next_try_at"])
    return delivery


def _put_off(delivery: Delivery, problem: ConnectionProblem | None = None) -> None:
    """Try a delivery again later, or leave it to a person after the last try; ``problem`` None is a fault of ours."""
    number = delivery.attempts
    when = None
    if number <= len(WAITS):
        wait = max(WAITS[number - 1], dt.timedelta(seconds=(problem.retry_after if problem else None) or 0))
        when, status = timezone.now() + wait, DeliveryStatus.PENDING
        outcome = message(_("Processing failed with an error and is retried."))
        if problem is not None:
            outcome = problem.sentence + " " + message(_("It is retried."))
    else:
        status = DeliveryStatus.FAILED
        outcome = message(_("Processing failed {number} times; the site's log has the error."), number=number)
        if problem is not None:
            outcome = problem.sentence + " " + message(_("It was tried {number} times."), number=number)
    Delivery.objects.filter(pk=delivery.pk).update(status=status, next_try_at=when, outcome=as_json(outcome))


def _finish(delivery: Delivery, outcomes: Sequence[DeliveryOutcome], sentences: Sequence[str]) -> None:
    with transaction.atomic():
        DeliveryOutcome.objects.filter(delivery=delivery).delete()
        DeliveryOutcome.objects.bulk_create(outcomes)
        delivery.status, delivery.next_try_at = DeliveryStatus.PROCESSED, None
        delivery.handled_at = timezone.now()
        delivery.outcome = as_json(joined(" ", map(marked, sentences)))
        # Not the payload, which may be megabytes.
        delivery.save(update_fields=[*_DESCRIBED, "status", "next_try_at", "handled_at", "outcome"])


# ---- events ---------------------------------------------------------------------------------------------------------


def _handle(delivery: Delivery) -> tuple[list[DeliveryOutcome], list[str]]:
    provider = provider_of(delivery.hook.vcs)
    if provider is None or provider.payloads is None:
        return [], [_("The provider of this connection sends no deliveries that this site can read.")]
    try:
        events = provider.payloads.read_events(delivery.headers, bytes(delivery.payload))
    except ValueError:
        return [], [_("The body is not a JSON object.")]
    outcomes: list[DeliveryOutcome] = []
    sentences: list[str] = []
    for event in events:
        if isinstance(event, Ignored):
            sentences.append(event.why)
            continue
        _describe(delivery, event)
        found, said = _handle_event(delivery, event)
        outcomes += found
        sentences += [said, *_moved(delivery.hook, event)]
    return outcomes, sentences or [_("The delivery contains no event.")]


def _moved(hook: RepositoryHook, event: Event) -> list[Message]:
    """Return where a repository is now that its provider calls by another name than the workspaces do.

    Hosts are not compared: a provider may call itself by another one.
    """
    paths = {urlsplit(url).path for url in event.repository_urls}
    if not paths or urlsplit(hook.repository_url).path in paths:
        return []
    sentence = _("The repository was renamed or moved to {address}. Enter this address in its workspaces.")
    return [message(sentence, address=event.repository_urls[0])]


_DESCRIBED = ("kind", "ref", "commit", "pull_request", "sender", "title")


def _describe(delivery: Delivery, event: Event) -> None:
    """Keep on a delivery what lists show of it."""
    delivery.kind, delivery.ref, delivery.commit = event.kind, event.branch, event.commit
    delivery.pull_request, delivery.sender = event.pull_request, event.sender
    delivery.title = event.message.strip().partition("\n")[0]


def _handle_event(delivery: Delivery, event: Event) -> tuple[list[DeliveryOutcome], str]:
    hook = delivery.hook
    if event.kind == EventKind.PING:
        return [], _("The provider tested the webhook (ping).")
    candidates = candidates_of(hook)
    if not candidates:
        return [], _("No workspace has a webhook for this repository.")
    if event.kind == EventKind.PULL_REQUEST and event.action == "closed":
        number = cancel_waiting_plans([found.key for found in candidates], event.pull_request or 0)
        closed(hook.vcs, hook.source, event)
        return [], message(_("The pull request was closed; {number} waiting plans were cancelled."), number=number)
    if event.kind == EventKind.COMMENT:
        return [], message(_("Comment: {what}."), what=handle_comment(hook.vcs, hook.source, event))
    return start_jobs(delivery, event, candidates)


def start_jobs(
    delivery: Delivery, event: Event, candidates: Sequence[Candidate]
) -> tuple[list[DeliveryOutcome], Message]:
    """Start the jobs of an event on the workspaces that it matches; return what came of it for each, and in all."""
    tags = delivery.hook.vcs.vcs_type in _WITHOUT_RELEASES
    note: Message | None = None
    if any(_match(event, found, tags=tags, files_known=False).rule for found in candidates):
        # Asked for only if some branch matches, since it takes requests to the provider.
        event, note = with_details(delivery.hook, event)
    matches = [(found.key, _match(event, found, tags=tags)) for found in candidates]
    workspaces, rules = _records(matches)
    outcomes, started, refused = [], 0, 0
    record = _record(delivery.hook, event, matches)
    if record is not None:
        # All before the first job, whose reports depend on how many there are.
        for key, found in matches:
            if found.rule is not None and key in workspaces and found.rule.key in rules:
                note_concerned(record, workspaces[key], rules[found.rule.key])
    for key, found in matches:
        if found.rule is None:
            outcomes.append(_outcome(delivery, key, found.code, found.why))
            continue
        if key not in workspaces or found.rule.key not in rules:
            # Deleted in this very moment.
            continue
        workspace, rule = workspaces[key], rules[found.rule.key]
        if record is not None and record.is_held:
            outcomes.append(_outcome(delivery, key, "fork", message(_FORK)))
            continue
        try:
            result = start_job(workspace, rule, event, delivery, record)
        except ServiceError as error:
            refused += 1
            outcomes.append(_outcome(delivery, key, "refused", error.message))
            continue
        started += result.code == "job"
        outcomes.append(_outcome(delivery, key, result.code, result.why, result))
    held = record is not None and record.is_held
    if held:
        return outcomes, message(_FORK)
    said = _summary(len(candidates), started, refused)
    return outcomes, said if note is None else said + " " + note


_FORK = _("The pull request comes from a fork: nothing runs until a user allows it.")


def _record(hook: RepositoryHook, event: Event, matches: Sequence[tuple[UUID, Match]]) -> PullRequest | None:
    """Keep a pull request that matches a workspace; of one that matches none, tell the provider that nothing waits."""
    if event.kind != EventKind.PULL_REQUEST:
        return None
    if any(found.rule is not None for _key, found in matches):
        return seen(hook.vcs, hook.source, event)
    if event.commit and any(found.code != "no-event" for _key, found in matches):
        note_no_match(hook.vcs, hook.source, event.commit, event.pull_request)
    return None


def _records(matches: Iterable[tuple[UUID, Match]]) -> tuple[Mapping[Any, Workspace], Mapping[Any, WebhookEvent]]:
    """Return the workspaces and events of what matched, by key, with two queries."""
    matched = {key: found.rule.key for key, found in matches if found.rule is not None}
    workspaces = Workspace.objects.select_related("organization", "default_template", "vcs").in_bulk(list(matched))
    events = WebhookEvent.objects.select_related("template").filter(pk__in=list(matched.values()))
    return workspaces, {event.pk: event for event in events}


def _summary(listening: int, started: int, refused: int) -> Message:
    said = message(_("{number} jobs were started on {listening} workspaces."), number=started, listening=listening)
    return said + " " + message(_("{number} were refused."), number=refused) if refused else said


def _outcome(
    delivery: Delivery, workspace_id: UUID, code: str, why: str, started: Started | None = None
) -> DeliveryOutcome:
    return DeliveryOutcome(
        delivery_id=delivery.pk,
        workspace_id=workspace_id,
        job_id=None if started is None or started.job is None else started.job.pk,
        code=code,
        outcome=as_json(why),
    )


def _match(event: Event, candidate: Candidate, *, tags: bool, files_known: bool = True) -> Match:
    return match(event, candidate.rules, candidate.place, tags_are_releases=tags, files_known=files_known)


_RULE = ("branch", "branch_type", "path", "path_type")


def candidates_of(hook: RepositoryHook) -> list[Candidate]:
    """Return the workspaces that listen to a hook, with three queries for any number of them."""
    listening = Workspace.objects.alive().filter(vcs=hook.vcs_id)
    if hook.webhook_id is not None:
        listening = listening.filter(webhook=hook.webhook_id, webhook__migrated_v2=False)
    else:
        listening = listening.filter(webhook__migrated_v2=True)
    # Plain values, since a record costs ten times as much, and most of them match nothing.
    rows = list(listening.order_by("name", "pk").values_list("pk", "source", "branch", "folder"))
    if hook.webhook_id is None:
        # Addresses are compared here: each workspace may write that of the repository in its own way.
        ours = {source for source in {row[1] for row in rows} if normalized(source) == hook.repository_url}
        rows = [row for row in rows if row[1] in ours]
    rules: Mapping[Any, list[Rule]] = defaultdict(list)
    events = WebhookEvent.objects.filter(webhook__workspace__in=[row[0] for row in rows])
    told = events.order_by("priority", "created_date").values_list("webhook__workspace", "pk", "event", *_RULE)
    for workspace_id, key, kind, *texts in told:
        rules[workspace_id].append(Rule(key=key, type=kind, **dict(zip(_RULE, texts, strict=True))))
    folders = folders_of({key: first_folder_of(folder) for key, _source, _branch, folder in rows})
    return [
        Candidate(key, Place(branch=first_branch_of(branch), folders=folders[key]), tuple(rules[key]))
        for key, _source, branch, _folder in rows
    ]
