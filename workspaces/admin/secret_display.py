"""Placeholders for secrets on read-only pages, where Django itself would show the value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _

from workspaces.encryption import UNREADABLE, is_readable


def said_to_be_set(column: str, description: Any) -> Callable[[Any, Any], str]:
    """Build a column that shows whether a secret is set."""

    @admin.display(description=description)
    def shown(self: Any, record: Any) -> str:
        if not is_readable(record, column):
            return _(UNREADABLE)
        return _("Set, not shown") if getattr(record, column) else _("Not set")

    return shown


class HidesSecrets:
    """Mixin that replaces ``hidden`` columns by placeholders for users who may only read."""

    hidden: dict[str, str] = {}

    def _shown(self, names: Any) -> Any:
        if isinstance(names, str):
            return self.hidden.get(names, names)
        return type(names)(self._shown(name) for name in names)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)  # type: ignore[misc]
        if self.has_change_permission(request, obj):  # type: ignore[attr-defined]
            return fieldsets
        return [(title, {**options, "fields": self._shown(options["fields"])}) for title, options in fieldsets]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed: tuple[str, ...] = tuple(super().get_readonly_fields(request, obj))  # type: ignore[misc]
        return (*fixed, *self.hidden.values())
