"""Admin pages of django-q2 in the panel's style: waiting and failed tasks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_q.admin import FailAdmin, QueueAdmin
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin

from vcs.models import Delivery
from workspaces.admin.users import AdministratorsOnly
from workspaces.display import age_column, moment
from workspaces.models import AccessToken, Job, NotificationDelivery, Step, Vcs, Workspace

# Successes are not kept and nothing is scheduled by django-q2 itself, so there is nothing to list of them.
for model in (Success, Schedule, Failure, OrmQ):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


_ABOUT: Mapping[str, type[Model]] = {
    "executors.tasks.advance_job": Job,
    "executors.tasks.give_back_checks": Job,
    "executors.tasks.judge_drift_check": Job,
    "executors.tasks.advance_workspace": Workspace,
    "executors.tasks.run_preflight": Workspace,
    "executors.tasks.launch_step": Step,
    "executors.tasks.cancel_step": Step,
    "executors.tasks.kill_step": Step,
    "vcs.tasks.handle_delivery": Delivery,
    "vcs.tasks.renew_connection": Vcs,
    "vcs.tasks.synchronize_hooks": Vcs,
    "workspaces.notifications.sending.send_delivery": NotificationDelivery,
    "workspaces.notifications.owners.tell_owner": AccessToken,
}
"""Of which kind the record is whose key a task was asked for with."""

type _Key = tuple[type[Model], str]


def _asked(task: Any) -> tuple[str, tuple[Any, ...]]:
    """Return the function of a task, failed or queued, and the arguments it was asked for with."""
    function = task.func() if callable(task.func) else task.func
    arguments = task.args() if callable(task.args) else task.args
    return str(function or ""), tuple(arguments or ())


def _key(task: Any) -> _Key | None:
    """Return which record a task is about; None if none, or if it is not known of this function."""
    function, arguments = _asked(task)
    model = _ABOUT.get(function)
    if model is None or len(arguments) != 1:
        return None
    try:
        return model, str(model._meta.pk.to_python(arguments[0]))
    except ValidationError:
        return None


def _found(tasks: Iterable[Any]) -> Mapping[_Key, Model]:
    """Return the records that tasks are about, with a query for each kind."""
    wanted: dict[type[Model], set[str]] = defaultdict(set)
    for key in filter(None, map(_key, tasks)):
        wanted[key[0]].add(key[1])
    found: dict[_Key, Model] = {}
    for model, keys in wanted.items():
        rows = model._base_manager.filter(pk__in=keys)
        for row in rows.select_related("job") if model is Step else rows:
            found[model, str(row.pk)] = row
    return found


def _link(record: Model) -> SafeString:
    """Return the record's name, which leads to its page; a step's has the job's before it, and leads there."""
    name, target = str(record), record
    if isinstance(record, Step):
        name, target = f"{record.job}, {record}", record.job
    options = target._meta
    address = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[target.pk])
    return format_html('<a href="{}">{}</a>', address, name)


def _in_words(function: object) -> str:
    """Return the name of a task as words: executors.tasks.launch_step is "Launch step"."""
    return str(function or "–").rpartition(".")[2].replace("_", " ").capitalize()


class _Listed(AdministratorsOnly):
    """Rows that the task runner writes; they can be looked at and removed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        shown = super().get_changelist_instance(request)
        shown.result_list = list(shown.result_list)
        found = _found(shown.result_list)
        for task in shown.result_list:
            task.found = found
        return shown

    @admin.display(description=_("about"))
    def about(self, task: Any) -> str:
        """Return the job, step or workspace that a task was asked for; the key of one that is no longer there."""
        key = _key(task)
        known = task.found if hasattr(task, "found") else _found([task])
        record = None if key is None else known.get(key)
        if record is not None:
            return _link(record)
        return ", ".join(map(str, _asked(task)[1])) or "–"

    def record_name(self, task: Any) -> str:
        return _in_words(_asked(task)[0])


@admin.register(Failure)
class FailureAdmin(_Listed, FailAdmin, ModelAdmin):  # type: ignore[misc]
    why_no_history = _("A failed task has no history: the worker writes it when the task has failed.")
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
    why_no_history = _(
        "A queued task has no history: the site writes it, and the worker removes it when the task is done."
    )
    called = _("queued task"), _("queued tasks")
    empty_help = _("No task is queued. With Redis as the queue, tasks are never listed here.")
    list_display = ("task", "about", "queued", "state")
    list_filter = ()
    fields = readonly_fields = ("task", "about", "queued", "state")

    @admin.display(description=_("task"))
    def task(self, queued: OrmQ) -> str:
        return _in_words(queued.func())

    @admin.display(description=_("queued"))
    def queued(self, queued: OrmQ) -> SafeString:
        # The lock has its time only until a worker takes the task.
        return moment(queued.task.get("started"))

    @admin.display(description=_("state"), ordering="lock")
    def state(self, queued: OrmQ) -> str:
        # One that a worker took is locked until another may take it.
        is_taken = queued.lock is not None and queued.lock > timezone.now()
        return gettext("Taken by a worker") if is_taken else gettext("Waiting for a worker")
