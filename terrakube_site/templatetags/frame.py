"""The way to a page, at its top and in its title: the list, the record, and what the page does with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import template
from django.contrib import admin
from django.db.models import Model
from django.template.context import Context
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

register = template.Library()

# What a page does with the list or the record before it, by the end of its address's name.
_DOES = {"add": _("New"), "history": _("History"), "delete": _("Delete"), "password_change": _("Password")}
_SHOWS = {"change", "changelist"}


def _address(name: str, *args: Any) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@register.filter
def record_name(record: Model) -> str:
    """What a record is called: as its page in the panel says where the record itself gives no name to read."""
    page: Any = admin.site._registry.get(type(record))
    return str(page.record_name(record)) if hasattr(page, "record_name") else str(record)


@register.simple_tag(takes_context=True)
def way(context: Context) -> list[tuple[str, str]]:
    """The parts of the way to a page, each with its address; the last is the page itself and has none."""
    request, options = context.get("request"), context.get("opts")
    if options is None or request is None or request.resolver_match is None:
        return [(str(context.get("content_title") or context.get("title") or "").strip(), "")]
    stem = f"admin:{options.app_label}_{options.model_name}"
    titles: Mapping[str, Any] = context.get("list_titles") or {}
    name = titles.get(f"{stem}_changelist", options.verbose_name_plural)
    parts = [(capfirst(str(name)), _address(f"{stem}_changelist"))]
    record = next((one for one in (context.get("original"), context.get("object")) if isinstance(one, Model)), None)
    if record is not None:
        # A record's name is a user's text.
        parts.append((record_name(record), _address(f"{stem}_change", record.pk)))
    does = (request.resolver_match.url_name or "").removeprefix(f"{options.app_label}_{options.model_name}_")
    # What is done to marked rows of a list is asked at the list's own address.
    if does not in _SHOWS or context.get("deletable_objects") or context.get("checkbox"):
        parts.append((str(_DOES.get(does) or context.get("title") or ""), ""))
    return [*parts[:-1], (parts[-1][0], "")]


@register.simple_tag(takes_context=True)
def page_title(context: Context) -> str:
    """What a browser calls a page: as the sidebar does, by a title that names the record, or by its way backwards."""
    title = str(context.get("title") or "")
    if context.get("opts") is None:
        return title
    parts = [str(part) for part, _address in way(context)]
    match = getattr(context.get("request"), "resolver_match", None)
    if match is not None and str((context.get("list_titles") or {}).get(match.view_name)) == parts[-1]:
        return parts[-1]
    names_record = len(parts) > 2 and re.search(rf"(?<!\w){re.escape(parts[1])}(?!\w)", title)
    return title if names_record else " · ".join(reversed(parts))


@register.filter
def why_no_history(options: Any) -> str:
    """Why records of a kind have no history; empty where they have one."""
    return str(getattr(admin.site._registry.get(options.model), "why_no_history", ""))
