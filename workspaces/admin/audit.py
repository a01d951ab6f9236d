"""Who changed what: django-auditlog, with every secret masked before it is written."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from auditlog.signals import post_log
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from workspaces import models
from workspaces.admin.changes import ACTIONS, actor_name, changes_of, is_new, name_of, names_of
from workspaces.admin.users import AdministratorsOnly
from workspaces.choices import in_english
from workspaces.models.variable import HIDDEN
from workspaces.shown import moment


def hide(value: str) -> str:
    """What the history says of a secret: that there is one, never any part of it."""
    return HIDDEN if value and value != "None" else ""


@receiver(post_log)
def keep_in_english(instance: Model, log_entry: LogEntry | None, **_signal: Any) -> None:
    """Keep the name of what was changed as all that is kept, in English, whatever language the page had."""
    if log_entry is None or not getattr(instance, "NAMES", ()):
        return
    with suppress(ObjectDoesNotExist):
        name = in_english(instance)
        if name != log_entry.object_repr:
            log_entry.object_repr = name
            log_entry.save(update_fields=["object_repr"])


_HIDE = f"{__name__}.hide"
_STAMPS = ["created_by", "created_date", "updated_by", "updated_date"]

for plain in (
    models.Organization,
    models.Team,
    models.Access,
    models.Agent,
    models.Reference,
    models.RunLimits,
    models.WorkspaceTag,
):
    auditlog.register(plain)
for stamped in (models.Collection, models.PolicyRule, models.Tag, models.Template):
    auditlog.register(stamped, exclude_fields=_STAMPS)
auditlog.register(models.Workspace, exclude_fields=[*_STAMPS, "last_job_status", "last_job_date"])
for variable in (models.Variable, models.GlobalVariable, models.Item):
    auditlog.register(variable, mask_fields=["value"], mask_callable=_HIDE)
auditlog.register(
    models.Vcs,
    mask_fields=["client_secret", "private_key", "access_token"],
    mask_callable=_HIDE,
    exclude_fields=_STAMPS,
)
auditlog.register(models.Ssh, mask_fields=["private_key"], mask_callable=_HIDE, exclude_fields=_STAMPS)
auditlog.register(models.AccessToken, exclude_fields=_STAMPS)
auditlog.register(models.Schedule, exclude_fields=[*_STAMPS, "next_at"])

# Who may do what is said by users' groups, which people and sign-ins change.
auditlog.register(
    User, mask_fields=["password"], mask_callable=_HIDE, exclude_fields=["last_login"], m2m_fields={"groups"}
)
auditlog.register(Group)

WRITTEN_BY_MACHINES = frozenset(
    {
        models.Address,
        models.ConfigurationVersion,
        models.Identity,
        models.Job,
        models.SavedPlan,
        models.StateLock,
        models.StateVersion,
        models.Step,
    }
)
"""Records without a history: they come from jobs, uploads and sign-ins, and say themselves who caused them."""

# It registers a page of its own when it is loaded, whose place this one takes.
import_module("auditlog.admin")
admin.site.unregister(LogEntry)


class KindFilter(admin.SimpleListFilter):
    """Changes of one kind of record."""

    title = _("kind of record")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = ContentType.objects.get_for_models(*auditlog.get_models())
        return sorted(((str(kind.pk), capfirst(kind.name)) for kind in kinds.values()), key=lambda one: one[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
        found = self.value() or ""
        return queryset.filter(content_type=int(found)) if found.isdecimal() else queryset


@admin.register(LogEntry)
class LogEntryAdmin(AdministratorsOnly, ModelAdmin):  # type: ignore[misc]
    list_display = ("when", "what", "record", "changed", "who")
    list_filter = ("action", KindFilter)
    list_select_related = ("actor", "content_type")
    search_fields = ("object_repr", "actor__username", "actor__email")
    search_help_text = _("Search by record or user")
    show_full_result_count = False
    list_per_page = 50
    called = _("change"), _("changes")
    fields = readonly_fields = ("when", "who", "what", "record", "details")

    def record_name(self, entry: LogEntry) -> str:
        return f"{entry.content_type.name} {name_of(entry)}"

    @admin.display(description=_("when"), ordering="timestamp")
    def when(self, entry: LogEntry) -> SafeString:
        return moment(entry.timestamp)

    @admin.display(description=_("by"), ordering="actor__username")
    def who(self, entry: LogEntry) -> str:
        return actor_name(entry)

    @admin.display(description=_("what"), ordering="action")
    def what(self, entry: LogEntry) -> SafeString:
        text, tone = ACTIONS[entry.action]
        return format_html('<span class="tk-badge tk-{}">{}</span>', tone, text)

    @admin.display(description=_("record"), ordering="object_repr")
    def record(self, entry: LogEntry) -> SafeString:
        kind = entry.content_type.name
        try:
            address = reverse(
                f"admin:{entry.content_type.app_label}_{entry.content_type.model}_change", args=[entry.object_pk]
            )
        except NoReverseMatch:
            return format_html("{} {}", kind, name_of(entry))
        if entry.action == LogEntry.Action.DELETE:
            return format_html("{} {}", kind, name_of(entry))
        return format_html('{} <a href="{}">{}</a>', kind, address, name_of(entry))

    @admin.display(description=_("fields"))
    def changed(self, entry: LogEntry) -> str:
        """The names of what was changed; of a new record all is new."""
        if entry.action != LogEntry.Action.UPDATE:
            return ""
        return ", ".join(names_of(entry))

    @admin.display(description=_("fields"))
    def details(self, entry: LogEntry) -> SafeString:
        return render_to_string("terrakube/changes.html", {"changes": changes_of(entry), "new": is_new(entry)})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
