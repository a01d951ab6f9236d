"""django-q2's own pages in the panel's dress: what waits, and which tasks failed."""

from __future__ import annotations

from django.contrib import admin
from django_q.admin import FailAdmin, QueueAdmin
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin

from workspaces.admin.users import AdministratorsOnly

# Successes are not kept and nothing is scheduled by django-q2 itself, so there is nothing to list of them.
for model in (Success, Schedule, Failure, OrmQ):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(Failure)
class FailureAdmin(AdministratorsOnly, FailAdmin, ModelAdmin):  # type: ignore[misc]
    pass


@admin.register(OrmQ)
class OrmQueueAdmin(AdministratorsOnly, QueueAdmin, ModelAdmin):  # type: ignore[misc]
    pass
