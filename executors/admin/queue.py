"""Admin pages of django-q2 in the panel's style: waiting and failed tasks."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django_q.admin import FailAdmin, QueueAdmin
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin

from workspaces.admin.users import AdministratorsOnly
from workspaces.display import age_column, time_left

# Successes are not kept and nothing is scheduled by django-q2 itself, so there is nothing to list of them.
for model in (Success, Schedule, Failure, OrmQ):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


def _in_words(function: object) -> str:
    """Return the name of a task as words: executors.tasks.launch_step is "Launch step"."""
    return str(function or "–").rpartition(".")[2].replace("_", " ").capitalize()


class _Listed(AdministratorsOnly):
    """Rows that the task runner writes; they can be looked at and removed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("about"))
    def about(self, task: Any) -> str:
        """Return the ids with which a task was asked for: a job, a step, a workspace."""
        arguments = task.args() if callable(task.args) else task.args
        return ", ".join(str(one) for one in arguments or ()) or "–"

    def record_name(self, task: Any) -> str:
        return _in_words(task.func() if callable(task.func) else task.func)


@admin.register(Failure)
class FailureAdmin(_Listed, FailAdmin, ModelAdmin):  # type: ignore[misc]
    called = _("failed task"), _("failed tasks")
    empty_help = _("No task has failed. The sweep picks up any work that was left undone.")
    list_display = ("task", "about", "ended", "tries", "error")
    list_filter = ("func",)
    search_fields = ("name", "func")
    search_help_text = _("Search by task")
    fields = readonly_fields = ("task", "about", "began", "ended", "tries", "message")
    began = age_column("started", _("last tried"))
    ended = age_column("stopped", _("failed"))

    @admin.display(description=_("tries"), ordering="attempt_count")
    def tries(self, failure: Failure) -> int:
        return int(failure.attempt_count)

    @admin.display(description=_("task"), ordering="func")
    def task(self, failure: Failure) -> str:
        return _in_words(failure.func)

    @admin.display(description=_("error"))
    def error(self, failure: Failure) -> str:
        lines = str(failure.result or "").strip().splitlines()
        return Truncator(lines[-1] if lines else "").chars(120)

    @admin.display(description=_("error"))
    def message(self, failure: Failure) -> SafeString:
        return format_html('<pre class="tk-code tk-wrap">{}</pre>', failure.result or "–")


@admin.register(OrmQ)
class OrmQueueAdmin(_Listed, QueueAdmin, ModelAdmin):  # type: ignore[misc]
    called = _("queued task"), _("queued tasks")
    empty_help = _("No task is queued. With Redis as the queue, tasks are never listed here.")
    list_display = ("task", "about", "taken")
    list_filter = ()
    fields = readonly_fields = ("task", "about", "taken")

    @admin.display(description=_("task"))
    def task(self, queued: OrmQ) -> str:
        return _in_words(queued.func())

    @admin.display(description=_("queued since"), ordering="lock")
    def taken(self, queued: OrmQ) -> SafeString:
        return time_left(queued.lock)
