"""Admin pages of attempts, read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from executors.attempts.organizations import within
from executors.choices import ExecutorKind
from executors.models import Attempt, AttemptEvent
from executors.runs.resource_use import format_bytes
from executors.runs.view_model import event_text, phase_text
from terrakube_site.theme.markup import format_html
from workspaces.admin.base import ReadOnly, RecordAdmin, allows, scope
from workspaces.admin.record_rows import RecordInline
from workspaces.display import clock, duration, file_size, moment, seconds
from workspaces.reasons import in_language


class EventInline(ReadOnly, RecordInline):
    model = AttemptEvent
    fields = readonly_fields = ("at", "event")
    verbose_name_plural = _("timeline")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A user who sees the attempt sees its timeline.
        return True

    @admin.display(description=_("event"))
    def event(self, event: AttemptEvent) -> str:
        return event_text(event)


@admin.register(Attempt)
class AttemptAdmin(ReadOnly, RecordAdmin):
    why_no_history = _(
        "An attempt has no history of changes: the site writes it when a step starts; its page has the timeline."
    )
    list_display = ("name", "job", "progress", "why", "place", "created", "took")
    empty_help = _("An attempt appears here when the first step of a job starts.")
    list_select_related = ("step__job__organization",)
    list_filter = ("state", "outcome", "executor")
    search_fields = ("job_name", "pod_name", "node_name", "reason", "=step__job__id")
    search_help_text = _("Search by Kubernetes Job, pod, node, reason or job number")
    readonly_fields = (
        "job",
        "progress",
        "doing",
        "retried",
        "used_memory",
        "used_cpu",
        "kept_log",
        "asked_for",
        "own_deadlines",
    )
    fieldsets = (
        (None, {"fields": ("job", "number", "executor", "progress", "reason", "reason_code", "doing", "exit_code")}),
        (_("Where"), {"fields": ("cluster", "namespace", "job_name", "pod_name", "node_name", "image")}),
        (
            _("When"),
            {
                "fields": (
                    "created_at",
                    "retried",
                    "launched_at",
                    "claimed_at",
                    "heartbeat_at",
                    "cancelled_at",
                    "missing_since",
                    "ended_at",
                    "cleaned_at",
                )
            },
        ),
        (_("What it used"), {"fields": ("asked_for", "used_memory", "used_cpu", "kept_log", "own_deadlines")}),
        (
            _("More"),
            {"classes": ("collapse",), "fields": ("id", "job_uid", "force_stop", "ended_by_cluster", "state_lock")},
        ),
    )
    inlines = (EventInline,)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = list(super().get_fieldsets(request, obj))
        if obj is not None and obj.executor != ExecutorKind.KUBERNETES:
            fieldsets[1] = (fieldsets[1][0], {"fields": ("host", "process_id")})
        return fieldsets

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return within(super().get_queryset(request), scope(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allows(request, "read", None if obj is None else obj.step)

    @admin.display(description=_("attempt"), ordering="job_name")
    def name(self, attempt: Attempt) -> str:
        return str(attempt)

    @admin.display(description=_("job"), ordering="step__job_id")
    def job(self, attempt: Attempt) -> SafeString:
        address = reverse("admin:workspaces_job_change", args=[attempt.step.job_id])
        return format_html('<a class="tk-link" href="{}">#{} {}</a>', address, attempt.step.job_id, attempt.step.name)

    @admin.display(description=_("state"), ordering="state")
    def progress(self, attempt: Attempt) -> SafeString:
        tones = {"succeeded": "good", "failed": "bad", "killed": "bad", "lost": "bad", "": "active"}
        text = attempt.get_outcome_display() if attempt.outcome else attempt.get_state_display()
        return format_html('<span class="tk-badge tk-{}">{}</span>', tones.get(attempt.outcome, "quiet"), text)

    @admin.display(description=_("phase"))
    def doing(self, attempt: Attempt) -> str:
        return phase_text(attempt.phase) or "–"

    @admin.display(description=_("reason"))
    def why(self, attempt: Attempt) -> SafeString:
        return format_html('<span class="tk-reason">{}</span>', in_language(attempt.why))

    @admin.display(description=_("pod termination reason"))
    def ended_by_cluster(self, attempt: Attempt) -> str:
        return in_language(attempt.leaving or "")

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, attempt: Attempt) -> SafeString:
        return moment(attempt.created_at)

    @admin.display(description=_("where"), ordering="node_name")
    def place(self, attempt: Attempt) -> str:
        if attempt.executor != ExecutorKind.KUBERNETES:
            return attempt.get_executor_display()
        found = [attempt.pod_name or attempt.namespace, attempt.node_name]
        return gettext(" on ").join(part for part in found if part) or attempt.get_executor_display()

    @admin.display(description=_("retry of"))
    def retried(self, attempt: Attempt) -> str:
        # Where it comes right after another that failed, it waits a while.
        return clock(attempt.not_before) if attempt.not_before > attempt.created_at else "–"

    @admin.display(description=_("peak memory"))
    def used_memory(self, attempt: Attempt) -> str:
        return format_bytes(attempt.peak_memory_bytes) or "–"

    @admin.display(description=_("CPU time"))
    def used_cpu(self, attempt: Attempt) -> str:
        return "–" if attempt.cpu_seconds is None else seconds(attempt.cpu_seconds)

    @admin.display(description=_("log size"), ordering="log_size")
    def kept_log(self, attempt: Attempt) -> str:
        return file_size(attempt.log_size)

    @admin.display(description=_("requests and limits"))
    def asked_for(self, attempt: Attempt) -> str:
        found = [
            f"{kind.removesuffix('s')} {name} {amount}"
            for kind, amounts in (attempt.resources or {}).items()
            for name, amount in (amounts.items() if isinstance(amounts, dict) else (("", amounts),))
        ]
        return ", ".join(found) or "–"

    @admin.display(description=_("shorter deadlines"))
    def own_deadlines(self, attempt: Attempt) -> str:
        return ", ".join(f"{name} {value} s" for name, value in (attempt.deadlines or {}).items()) or "–"

    @admin.display(description=_("took"))
    def took(self, attempt: Attempt) -> str:
        return duration(attempt.ended_at - attempt.created_at) if attempt.ended_at else ""
