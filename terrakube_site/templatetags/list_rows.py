"""The rows of a list, in Python: a page has fifty, and unfold's template asks for what no list here has.

Lists here have no rows to enter, no order by hand, no sections to unfold and no actions of one row, so none is asked
for; and no column has unfold's own kinds of display (``label``, ``header``, ``dropdown``). What is written is otherwise
what unfold writes, which the tests compare.
"""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django import template
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import lookup_field
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.template.context import Context
from django.urls import NoReverseMatch
from django.utils.safestring import SafeString
from unfold.templatetags.unfold_list import (
    LINK_CLASSES,
    TABLE_ACTION_CELL_CLASSES,
    TABLE_CELL_CLASSES,
    result_headers,
)
from unfold.utils import display_for_field, display_for_value

from terrakube_site.theme.markup import text_of

register = template.Library()

_TEXTS = (models.CharField, models.TextField, models.UUIDField)
_MADE_KEY = re.compile(r"[0-9a-f-]+")
"""A key that the site or its database made, which stands in an address as it is."""
_STRIPES = ("", "bg-base-50 dark:bg-white/[.02]")


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: ``read`` returns what it shows of a row, and whether that is a time, which is not wrapped."""

    tag: str
    classes: str
    is_link: bool
    read: Callable[[Any], tuple[Any, bool]]


@register.inclusion_tag("terrakube/list_table.html", takes_context=True)
def list_table(context: Context) -> dict[str, Any]:
    """The table of a list with its head; or what is said where it has no rows."""
    shown = context["cl"]
    headers = list(result_headers(shown))
    return {
        "cl": shown,
        "result_headers": headers,
        "num_sorted_fields": sum(1 for head in headers if head["sortable"] and head["sorted"]),
        "rows": SafeString("".join(_rows(shown))),
        "has_add_permission": shown.model_admin.has_add_permission(context["request"]),
    }


def _rows(shown: Any) -> Iterator[str]:
    columns = list(_columns(shown))
    address = _addresses(shown)
    for number, record in enumerate(shown.result_list):
        cells = "".join(_cells(shown, columns, record, address))
        yield f'<tbody class="relative {_STRIPES[number % 2]}"><tr class="data-row relative">{cells}</tr></tbody>'


def cells_of(shown: Any, record: Any) -> list[str]:
    """Return the cells of one record in a list, a ``ChangeList``."""
    return list(_cells(shown, list(_columns(shown)), record, _addresses(shown)))


def _cells(shown: Any, columns: list[_Column], record: Any, address: Callable[[Any], str | None]) -> Iterator[str]:
    for column in columns:
        value, is_time = column.read(record)
        text = text_of(value)
        if column.is_link and (url := address(record)) is not None:
            opens = f' data-popup-opener="{text_of(_key(shown, record))}"' if shown.is_popup else ""
            text = f'<a href="{html.escape(url)}" class="{" ".join(LINK_CLASSES)}" {opens}>{text}</a>'
        classes = f"{column.classes} nowrap" if is_time else column.classes
        yield f'<{column.tag} class="{classes}">{text}</{column.tag}>'


def _key(shown: Any, record: Any) -> Any:
    return record.serializable_value(str(shown.to_field) if shown.to_field else shown.lookup_opts.pk.attname)


# ---- columns --------------------------------------------------------------------------------------------------------


def _columns(shown: Any) -> Iterator[_Column]:
    links = shown.list_display_links
    has_link = False
    for number, name in enumerate(shown.list_display):
        is_link = links is not None and ((not has_link and not links) or name in links)
        called = name.__name__ if callable(name) else name
        # As Django names the class of such a column.
        called = f"lambda{number}" if called == "<lambda>" else called
        always = TABLE_ACTION_CELL_CLASSES if name == "action_checkbox" else [f"field-{called}", *TABLE_CELL_CLASSES]
        yield _Column(
            tag="th" if is_link and not has_link else "td",
            classes=" ".join(always),
            is_link=is_link,
            read=_reader(shown, name),
        )
        has_link = has_link or is_link


def _reader(shown: Any, name: Any) -> Callable[[Any], tuple[Any, bool]]:
    page = shown.model_admin
    empty = page.get_empty_value_display()
    field = _field(shown, name)
    if field is not None and not field.auto_created:
        return _reader_of_field(field, empty)
    on_page = None
    if field is None and callable(name):
        on_page = name
    elif field is None and name != "__str__":
        on_page = getattr(page, name, None)
    if on_page is None:
        return lambda record: _looked_up(name, record, page, empty)
    empty = getattr(on_page, "empty_value_display", empty)
    if getattr(on_page, "boolean", False):
        return _icons(on_page, empty)

    def read(record: Any) -> tuple[Any, bool]:
        try:
            return _shown(on_page(record), empty)
        except ObjectDoesNotExist:
            return page.get_empty_value_display(), False

    return read


def _field(shown: Any, name: Any) -> Any:
    """Return the field that a column shows; None where it shows something else."""
    if not isinstance(name, str):
        return None
    return next((one for one in shown.lookup_opts.concrete_fields if one.name == name), None)


def _shown(value: Any, empty: Any) -> tuple[Any, bool]:
    kind = type(value)
    if kind is SafeString or kind is str:
        return value, False
    return display_for_value(value, empty), isinstance(value, dt.date | dt.time)


def _looked_up(name: Any, record: Any, page: Any, empty: Any) -> tuple[Any, bool]:
    """Return what a column of neither a field nor a function of the page shows: its record's own."""
    try:
        _field, attribute, value = lookup_field(name, record, page)
    except ObjectDoesNotExist:
        return empty, False
    empty = getattr(attribute, "empty_value_display", empty)
    if getattr(attribute, "boolean", False):
        return display_for_value(value, empty, True), False
    return _shown(value, empty)


def _icons(read_value: Callable[[Any], Any], empty: Any) -> Callable[[Any], tuple[Any, bool]]:
    """Return the reader of a column that shows yes, no or unknown, each made once."""
    made: dict[Any, Any] = {}

    def read(record: Any) -> tuple[Any, bool]:
        value = read_value(record)
        if value not in made:
            made[value] = display_for_value(value, empty, True)
        return made[value], False

    return read


def _reader_of_field(field: Any, empty: Any) -> Callable[[Any], tuple[Any, bool]]:
    name = field.name
    is_fixed = isinstance(field, models.DateField | models.TimeField | models.ForeignKey)
    if isinstance(field.remote_field, models.ManyToOneRel):

        def related(record: Any) -> tuple[Any, bool]:
            try:
                found = getattr(record, name)
            except ObjectDoesNotExist:
                return empty, False
            return (empty if found is None else found), is_fixed

        return related
    if isinstance(field, models.BooleanField) and not field.choices:
        return _icons(lambda record: getattr(record, name), empty)
    if field.choices:
        words = dict(field.flatchoices)
        return lambda record: (words.get(getattr(record, name), empty), is_fixed)
    if isinstance(field, _TEXTS):

        def text(record: Any) -> tuple[Any, bool]:
            value = getattr(record, name)
            return (empty if value is None or value == "" else value), False

        return text
    return lambda record: (display_for_field(getattr(record, name), field, empty), is_fixed)


# ---- addresses ------------------------------------------------------------------------------------------------------


def _addresses(shown: Any) -> Callable[[Any], str | None]:
    """Return what makes the address of a row's page, None where it has none.

    It is made from the address of the first row asked for, as the pages of a list's rows differ in the key alone.
    """
    parts: list[str] = []

    def whole(record: Any) -> str | None:
        try:
            url = shown.url_for_result(record)
        except NoReverseMatch:
            return None
        return str(add_preserved_filters({"preserved_filters": shown.preserved_filters, "opts": shown.opts}, url))

    def address(record: Any) -> str | None:
        key = str(record.pk)
        if not _MADE_KEY.fullmatch(key):
            return whole(record)
        if not parts:
            url = whole(record)
            if url is None or url.count(f"/{key}/") != 1:
                return url
            parts.extend(url.split(f"/{key}/"))
        return f"{parts[0]}/{key}/{parts[1]}"

    return address
