"""Where the panel renders a form or a list otherwise than Django and unfold do, for every kind of record at once."""

from __future__ import annotations

import datetime as dt
import json
from functools import cache
from typing import Any

from django.contrib import admin
from django.contrib.admin import actions, helpers
from django.contrib.admin.utils import model_ngettext
from django.db import models
from django.db.models import QuerySet
from django.forms import Media
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import get_language, gettext
from unfold import fields
from unfold.templatetags import unfold_list
from unfold.utils import display_for_field, display_for_value

from terrakube_site.theme.markup import format_html
from workspaces.display import clock


def replace_parts() -> None:
    """Put our own in the places of theirs; a second call changes nothing."""
    fields.display_for_field = unfold_list.display_for_field = shown_field
    # Each cell of a list is written by it.
    unfold_list.format_html = format_html
    # Where pygments is installed, unfold gives JSON colours in style attributes, which the page policy refuses.
    fields.prettify_json = lambda data, encoder: None
    helpers.InlineAdminFormSet.inline_formset_data = rows_for_script  # type: ignore[assignment, method-assign]
    # Django asks each row for its scripts, which are those of the first.
    helpers.InlineAdminFormSet.media = property(_scripts_of_rows)  # type: ignore[assignment, method-assign]
    admin.site.add_action(delete_selected, "delete_selected")


def shown_field(value: Any, field: Any, empty_value_display: str) -> str:
    """Render a field's value; a point in time as everywhere, so that a script shows it in the reader's zone."""
    if isinstance(value, dt.datetime):
        return clock(value)
    if isinstance(field, models.BooleanField) and not field.flatchoices:
        return _yes_or_no(value, get_language())
    text: str = display_for_field(value, field, empty_value_display)
    return text


@cache
def _yes_or_no(value: bool | None, _language: str) -> str:
    """Return how a field shows yes, no or neither in a language: rows have one each, and it is a template."""
    icon: str = display_for_value(value, "", boolean=True)
    return icon


_WORDS: Any = actions.delete_selected


@admin.action(permissions=["delete"], description=_WORDS.short_description)
def delete_selected(shown: admin.ModelAdmin[Any], request: HttpRequest, records: QuerySet[Any]) -> HttpResponse | None:
    """Delete the marked records as Django does; the page that asks before says by its title how many of which kind."""
    answer = actions.delete_selected(shown, request, records)
    if isinstance(answer, TemplateResponse) and answer.context_data is not None:
        context = answer.context_data
        if not (context["perms_lacking"] or context["protected"]):
            count = len(records)
            context["title"] = gettext("Delete %(count)d %(kinds)s") % {
                "count": count,
                "kinds": model_ngettext(shown.opts, count),
            }
    return answer


def _scripts_of_rows(rows: Any) -> Media:
    found: Media = rows.opts.media + rows.formset.media
    return found


def rows_for_script(rows: Any) -> str:
    """Return what the script that adds rows reads; a kind of record stands as in the middle of a sentence."""
    words = gettext("Add another %(verbose_name)s") % {"verbose_name": rows.opts.verbose_name}
    options = {"prefix": rows.formset.prefix, "addText": words, "deleteText": gettext("Remove")}
    return json.dumps({"name": f"#{rows.formset.prefix}", "options": options})
