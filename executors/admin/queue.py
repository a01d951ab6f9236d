"""django-q2's own pages in the panel's dress: what waits, and which tasks failed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_q.admin import FailAdmin, QueueAdmin
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin

from workspaces.admin.users import AdministratorsOnly

# Successes are not kept and nothing is scheduled by django-q2 itself, so there is nothing to list of them.
for model in (Success, Schedule, Failure, OrmQ):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class _Listed(AdministratorsOnly):
    """Rows that the task runner writes; they can be looked at and removed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Failure)
class FailureAdmin(_Listed, FailAdmin, ModelAdmin):  # type: ignore[misc]
    list_display = ("name", "func", "started", "stopped", "short_result")


@admin.register(OrmQ)
class OrmQueueAdmin(_Listed, QueueAdmin, ModelAdmin):  # type: ignore[misc]
    pass
