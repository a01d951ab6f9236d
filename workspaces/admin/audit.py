"""The list of changes: who changed what."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from workspaces.admin.base import ReadOnly
from workspaces.admin.changes import ACTIONS, actor_name, changes_of, is_new, names_of
from workspaces.admin.users import AdministratorsOnly
from workspaces.display import moment
from workspaces.models.history import kept_name

# It registers a page of its own when it is loaded, whose place this one takes.
import_module("auditlog.admin")
admin.site.unregister(LogEntry)


class ActionFilter(admin.SimpleListFilter):
    """Changes that created, changed or deleted a record."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        # Nothing writes down that a record was viewed.
        return [(str(action), words) for action, (words, _tone) in ACTIONS.items() if action != LogEntry.Action.ACCESS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
        found = self.value() or ""
        return queryset.filter(action=int(found)) if found.isdecimal() else queryset


class KindFilter(admin.SimpleListFilter):
    """Changes of one kind of record."""

    title = _("record type")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = ContentType.objects.get_for_models(*auditlog.get_models())
        return sorted(((str(kind.pk), capfirst(kind.name)) for kind in kinds.values()), key=lambda one: one[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
        found = self.value() or ""
        return queryset.filter(content_type=int(found)) if found.isdecimal() else queryset


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnly, AdministratorsOnly, ModelAdmin):  # type: ignore[misc]
    why_no_history = _("A change has no history: the site writes it once, when a record changes.")
    list_display = ("when", "what", "record", "changed", "who")
    list_filter = (ActionFilter, KindFilter)
    list_select_related = ("actor", "content_type", "history")
    search_fields = ("object_repr", "actor__username", "actor__email")
    search_help_text = _("Search by record or user")
    show_full_result_count = False
    list_per_page = 50
    called = _("change"), _("changes")
    fields = readonly_fields = ("when", "who", "what", "record", "details")

    def record_name(self, entry: LogEntry) -> str:
        return f"{entry.content_type.name} {kept_name(entry)}"

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
            return format_html("{} {}", kind, kept_name(entry))
        if entry.action == LogEntry.Action.DELETE:
            return format_html("{} {}", kind, kept_name(entry))
        return format_html('{} <a href="{}">{}</a>', kind, address, kept_name(entry))

    @admin.display(description=_("fields"))
    def changed(self, entry: LogEntry) -> str:
        """Return the names of what was changed; of a new record all is new."""
        if entry.action != LogEntry.Action.UPDATE:
            return ""
        return ", ".join(names_of(entry))

    @admin.display(description=_("fields"))
    def details(self, entry: LogEntry) -> SafeString:
        return render_to_string("terrakube/changes.html", {"changes": changes_of(entry), "new": is_new(entry)})
