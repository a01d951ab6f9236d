"""Agents: addresses of permanent executors, for Terrakube's clients."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import RecordAdmin
from workspaces.models import Agent


@admin.register(Agent)
class AgentAdmin(RecordAdmin):
    list_display = ("name", "organization", "url", "description")
    list_select_related = ("organization",)
    list_filter = ("organization",)
    search_fields = ("name", "url", "description")
    search_help_text = _("Search by name, URL or description")
    empty_help = _("An agent is an executor that runs permanently. Ephemeral executors do not need one.")
    autocomplete_fields = ("organization",)
    fields = ("organization", "name", "url", "description")
