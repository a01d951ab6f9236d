"""Write down what is to be told, in the transaction of what has happened; a task sends it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from terrakube_site.database.built_once import BuiltOnce
from workspaces.choices import IacType, JobStatus, NotificationEvent
from workspaces.models import (
    Drift,
    Job,
    NotificationConfiguration,
    NotificationDelivery,
    NotificationTrigger,
    Organization,
    Workspace,
)
from workspaces.notifications.facts import Facts
from workspaces.task_queue.client import enqueue

E = NotificationEvent
SEND = "workspaces.notifications.sending.send_delivery"
_RESOURCES_SHOWN = 5
_REFUSED_BY_POLICY = frozenset({"policy", "cluster-policy"})


def _triggers(place: Q, organization: UUID, events: tuple[str, ...]) -> QuerySet[Any, Any]:
    active = NotificationTrigger.objects.filter(
        place, job_status__in=events, configuration__organization=organization, configuration__active=True
    )
    return active.order_by().values_list("configuration_id", "job_status")


_WHOLE = Q(configuration__workspace=None)
# The first is asked at each move of each job, mostly for nothing.
_OF_WORKSPACE = BuiltOnce(
    lambda organization, workspace, events: _triggers(
        _WHOLE | Q(configuration__workspace=workspace), organization, events
    )
)
_OF_ORGANIZATION = BuiltOnce(lambda organization, events: _triggers(_WHOLE, organization, events))


def note_change(job: Job) -> None:
    """Tell of a job's new status: called for each, in its transaction, with its workspace and organization loaded."""
    if job.is_drift_check:
        # What it finds is told by itself; that it ran would only be noise.
        return
    if job.surroundings is not None and not job.surroundings.has_notifications:
        return
    events = [str(job.status)]
    if job.status == JobStatus.FAILED and job.reason_code in _REFUSED_BY_POLICY:
        events.insert(0, E.POLICY_REFUSED)
    found = _asking(job.organization_id, job.workspace_id, events)
    if not found:
        return
    found = _of_template(found, job.template_id)
    facts = {
        event: Facts(
            event=event,
            organization=job.organization.name,
            workspace=job.workspace.name,
            workspace_id=str(job.workspace_id),
            job=job.pk,
            reason=job.reason,
            reason_code=job.reason_code,
            commit=job.commit_id or "",
        )
        for event in events
    }
    _write(
        NotificationDelivery(
            configuration_id=key,
            organization_id=job.organization_id,
            workspace_id=job.workspace_id,
            job_number=job.pk,
            event=event,
            facts=facts[event].as_json(),
        )
        for key, event in found.items()
    )


def note_event(
    event: NotificationEvent,
    *,
    organization: Organization,
    workspace: Workspace | None = None,
    reason: str = "",
    key: str = "",
    job: int | None = None,
    subject: str = "",
    path: str = "",
) -> None:
    """Tell of something besides a job's status, such as drift; call it in the transaction that finds it.

    ``key`` is what is told once to each configuration, for as long as its delivery is kept; "" tells it each time.
    ``reason`` is an English sentence that says more. ``job`` is the number of the job to look at. What is no
    workspace's has a ``subject`` and the ``path`` of its page in the panel.
    """
    found = _asking(organization.pk, None if workspace is None else workspace.pk, [event])
    facts = Facts(
        event=event,
        organization=organization.name,
        workspace="" if workspace is None else workspace.name,
        workspace_id="" if workspace is None else str(workspace.pk),
        job=job,
        reason=reason,
        subject=subject,
        path=path,
    )
    _write(
        NotificationDelivery(
            configuration_id=configuration,
            organization=organization,
            workspace=workspace,
            job_number=job,
            event=event,
            key=key[:200],
            facts=facts.as_json(),
        )
        for configuration in found
    )


def note_drift(workspace: Workspace, *, key: str, reason: str = "", job: int | None = None) -> None:
    """Tell that a workspace has drifted, once for each ``key``; ``job`` is the number of the job that found it."""
    note_event(E.DRIFTED, organization=workspace.organization, workspace=workspace, reason=reason, key=key, job=job)


def note_new_drift(record: Drift, job: Job) -> None:
    """Tell of drift that a check found, with the first of the resources; called once for each new drift."""
    shown = [str(row.get("address", "")) for row in record.resources[:_RESOURCES_SHOWN]]
    more = record.resource_count - len(shown)
    names = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    tool = IacType(record.workspace.iac_type).label
    note_drift(record.workspace, key=f"drift:{job.pk}", reason=f"Changed outside of {tool}: {names}.", job=job.pk)


def _asking(organization: UUID, workspace: UUID | None, events: Sequence[str]) -> dict[UUID, str]:
    """Return the configurations that ask for one of some events, each with the first of these that it asks for.

    Those of the whole organization count beside the workspace's own.
    """
    asked = tuple(events)
    if workspace is None:
        rows = _OF_ORGANIZATION.rows(organization, asked)
    else:
        rows = _OF_WORKSPACE.rows(organization, workspace, asked)
    # The last one written is the first of the events.
    return dict(sorted(rows, key=lambda row: -events.index(row[1])))


def _of_template(found: dict[UUID, str], template: UUID | None) -> dict[UUID, str]:
    """Leave out the configurations that are confined to other templates."""
    confined = NotificationConfiguration.templates.through.objects.filter(
        notificationconfiguration__in=list(found)
    ).values_list("notificationconfiguration_id", "template_id")
    allowed: dict[UUID, set[UUID]] = {}
    for configuration, of_template in confined:
        allowed.setdefault(configuration, set()).add(of_template)
    return {key: event for key, event in found.items() if key not in allowed or template in allowed[key]}


def _write(rows: Iterable[NotificationDelivery]) -> None:
    """Store deliveries that are due now, without those whose key was told, and queue their tasks."""
    made = _untold(list(rows))
    if not made:
        return
    now = timezone.now()
    for row in made:
        row.due_at = row.created_date = now
    # Another process may tell the same key now; the database passes over it, and its task finds no row.
    NotificationDelivery.objects.bulk_create(made, ignore_conflicts=any(row.key for row in made))
    for row in made:
        enqueue(SEND, str(row.pk))


def _untold(rows: list[NotificationDelivery]) -> list[NotificationDelivery]:
    keys = {row.key for row in rows} - {""}
    if not keys:
        return rows
    told = NotificationDelivery.objects.filter(configuration__in={row.configuration_id for row in rows}, key__in=keys)
    known = set(told.values_list("configuration_id", "key"))
    return [row for row in rows if (row.configuration_id, row.key) not in known]


def due_deliveries() -> Q:
    """Return what the deliveries are that no process sends and that are due."""
    now = timezone.now()
    return Q(due_at__lte=now) & (Q(leased_until=None) | Q(leased_until__lte=now))
