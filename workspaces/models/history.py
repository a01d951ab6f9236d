"""Which records have a history, kept by django-auditlog, with every secret masked before it is written."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from auditlog.signals import post_log
from django.contrib.auth.models import Group, User
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.dispatch import receiver

from terrakube_site.messages import as_json, from_json, translated
from workspaces import models
from workspaces.models.base import NamedInWords
from workspaces.models.history_recording import record_log_entry
from workspaces.models.variable import HIDDEN

NAME, CHANGES = "name", "changes"
"""What an entry keeps in ``additional_data``: the name of the record, and the texts of changes, as messages."""


def hide(value: str) -> str:
    """What the history says of a secret: that there is one, never any part of it."""
    return HIDDEN if value and value != "None" else ""


@receiver(post_log)
def keep_entry(instance: Model, log_entry: LogEntry | None, instance_old: Model | None = None, **_signal: Any) -> None:
    """Keep the name of a changed record, and the entry in the history of its workspace and organization."""
    if log_entry is None:
        return
    if isinstance(instance, NamedInWords):
        _keep_name(instance, log_entry)
    record_log_entry(instance, log_entry, instance_old)


def _keep_name(instance: NamedInWords, log_entry: LogEntry) -> None:
    """Keep a record's name in English, whatever language the page had, and its format and values beside it."""
    with suppress(ObjectDoesNotExist):
        log_entry.object_repr = instance.name_in_words
        log_entry.additional_data = {NAME: as_json(instance.name_in_words)}
        log_entry.save(update_fields=["object_repr", "additional_data"])


def record_change(record: Model, what: str, before: str, after: str) -> None:
    """Record a change that is no column's, such as a workspace's state; messages keep their format and values."""
    entry = LogEntry.objects.log_create(
        record,
        action=LogEntry.Action.UPDATE,
        changes={what: [before, after]},
        additional_data={CHANGES: {what: [as_json(before), as_json(after)]}},
    )
    if entry is not None:
        record_log_entry(record, entry)


def kept_name(entry: LogEntry) -> str:
    """Return the record's name at the time of the change, in the active language."""
    kept = (entry.additional_data or {}).get(NAME)
    return translated(from_json(kept)) if kept else str(entry.object_repr)


def kept_change(entry: LogEntry, what: str) -> tuple[str, str] | None:
    """Return both texts of a change that is no column's, in the active language; None if only English was kept."""
    kept = (entry.additional_data or {}).get(CHANGES, {}).get(what)
    return (translated(from_json(kept[0])), translated(from_json(kept[1]))) if kept else None


_HIDE = f"{__name__}.hide"
_STAMPS = ["created_by", "created_date", "updated_by", "updated_date"]
WRITTEN_BY_MACHINES = frozenset(
    {
        models.Address,
        models.ConfigurationVersion,
        models.HistoryEntry,
        models.Drift,
        models.Identity,
        models.Job,
        models.JobComment,
        models.JobVariable,
        models.ListPreference,
        models.LoginCode,
        models.NotificationDelivery,
        models.RecoveredState,
        models.SavedFilter,
        models.SavedPlan,
        models.StateLock,
        models.StateUpload,
        models.StateVersion,
        models.Step,
    }
)
"""Records without a history: they come from jobs, uploads and sign-ins, and say themselves who caused them; or they are
a person's view of a list."""


def keep_history(model: type[Model], *, exclude_fields: Iterable[str] = (), **more: Any) -> None:
    """Register a record whose history is kept, once all models are there; ``more`` is as django-auditlog takes it.

    Relations that other records hold are no part of it: django-auditlog would look up each when a record is made or
    deleted, for a workspace in seven statements, and no page shows what it finds.
    """
    others = [field.name for field in model._meta.get_fields() if field.auto_created and not field.concrete]
    auditlog.register(model, exclude_fields=[*exclude_fields, *others], **more)


def keep_histories() -> None:
    """Register each record that people change, once all models are there."""
    for plain in (
        models.Organization,
        models.Team,
        models.Access,
        models.Agent,
        models.NotificationTrigger,
        models.ProjectAccess,
        models.Reference,
        models.RunLimits,
        models.WorkspaceTag,
    ):
        keep_history(plain)
    for stamped in (models.Collection, models.PolicyRule, models.Project, models.Tag, models.Template):
        keep_history(stamped, exclude_fields=_STAMPS)
    keep_history(models.Workspace, exclude_fields=[*_STAMPS, "last_job_status", "last_job_date", "locked_by_user"])
    for variable in (models.Variable, models.GlobalVariable, models.Item):
        keep_history(variable, mask_fields=["value"], mask_callable=_HIDE, exclude_fields=["updated_date"])
    keep_history(
        models.Vcs,
        mask_fields=["client_secret", "private_key", "access_token", "refresh_token"],
        mask_callable=_HIDE,
        # What changes whenever a token is refreshed is no change of a person.
        exclude_fields=[
            *_STAMPS,
            "refresh_token",
            "token_expiration",
            "lease_until",
            "failed_tries",
            "limited_until",
            "next_try_at",
            "refreshed_at",
            "problem",
            "problem_at",
        ],
    )
    keep_history(
        models.Cluster,
        mask_fields=["kubeconfig"],
        mask_callable=_HIDE,
        # What the watcher writes is no change of a person.
        exclude_fields=[*_STAMPS, "silent_since", "answered_at", "asked_at", "problem", "restricted"],
        m2m_fields={"organizations"},
    )
    keep_history(models.Ssh, mask_fields=["private_key"], mask_callable=_HIDE, exclude_fields=_STAMPS)
    keep_history(
        models.NotificationConfiguration,
        mask_fields=["destination_url", "signing_secret"],
        mask_callable=_HIDE,
        exclude_fields=_STAMPS,
        m2m_fields={"templates"},
    )
    keep_history(models.AccessToken, exclude_fields=[*_STAMPS, "notice_due_at", "notice_tries"])
    keep_history(models.Schedule, exclude_fields=[*_STAMPS, "next_at"])
    keep_history(models.Webhook, exclude_fields=[*_STAMPS, "remote_hook_id"])
    keep_history(models.WebhookEvent, exclude_fields=_STAMPS)

    # Who may do what is said by users' groups, which people and sign-ins change.
    keep_history(
        User, mask_fields=["password"], mask_callable=_HIDE, exclude_fields=["last_login"], m2m_fields={"groups"}
    )
    keep_history(Group)
