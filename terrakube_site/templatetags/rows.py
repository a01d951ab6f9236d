"""The rows of a record on its page, written in Python: a page has fifty of them, each of a dozen small templates."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from django import template
from django.template.context import Context
from django.template.loader import get_template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext

register = template.Library()

_CELL = (
    '<td class="min-h-[62.5px] align-middle border-b max-md:border-b border-base-200 lg:group-[.last]/parent:border-b-0'
    " dark:border-base-800 field-{name} group field-tabular {state} font-normal px-1.5 first:pl-3 last:pr-3 text-left"
    '"><span class="tk-cell-label" aria-hidden="true">{label}</span><div class="flex flex-row gap-3 items-center">'
)
_DELETE_CELL = (
    '<td class="delete pl-3 pr-1.5 pl-0 border-b border-t border-base-200 dark:border-base-800'
    " group-[.last]/parent:border-b-0 border-t-0 min-h-[62.5px] {state} text-left text-red-600 font-normal px-3"
    ' text-sm w-px">{button}</td>'
)
_DELETE_BUTTON = (
    '<{tag} class="cursor-pointer flex h-[38px] w-[38px] items-center justify-center rounded-default select-none'
    ' transition-colors hover:bg-base-50 dark:hover:bg-base-800{more}"><span class="material-symbols-outlined md-18'
    ' text-red-600 dark:text-red-500">delete</span>{box}</{tag}>'
)
_UNDO = (
    '<tr class="hidden form-delete"><td colspan="100"><div class="absolute backdrop-blur-xs border-b border-base'
    " shadow-inner flex items-center justify-center gap-1.5 top-0 left-0 w-full h-full bg-white/50 dark:bg-base-900/80"
    ' dark:border-base-800 z-50"><span>{says}</span><label for="{box}" class="cursor-pointer font-medium flex gap-1'
    ' items-center text-red-600 dark:text-red-500">{cancel} <span class="material-symbols-outlined">undo</span></label>'
    "</div></td></tr>"
)
_KEYS = (
    '<tr class="border-b border-base-200 dark:border-base-800 bg-base-50 dark:bg-white/[.02] lg:bg-transparent'
    ' lg:border-0 dark:lg:bg-transparent!"><td colspan="100">{keys}</td></tr>'
)
_STORED, _NEW = "p-3 lg:py-3", "py-3"


@register.simple_tag(takes_context=True)
def inline_row(context: Context, rows: Any, row: Any, loop: Mapping[str, Any]) -> SafeString:
    """One row of an inline; the last of rows that may be added to is the one that the page's script copies.

    Rows here have no rows of their own and no order by hand, so neither is asked for.
    """
    stored, adds = bool(row.original), rows.has_add_permission
    classes = ["form-group relative group/parent", "original" if stored else "template"]
    if adds and loop["revcounter"] == 2:
        classes.append("last")
    if adds and loop["last"]:
        classes.append("empty-form")
    deletes = rows.has_delete_permission and rows.formset.can_delete
    parts = [f'<tbody class="{" ".join(classes)}">', *_errors(context, row)]
    if stored:
        parts.append(_KEYS.format(keys="".join(_keys(row))))
    parts.append('<tr class="form-row has-[.delete:checked]:[&+.form-delete]:table-row">')
    for fieldset in row:
        for line in fieldset:
            parts += [_cell(context, rows, cell, stored) for cell in line]
    if deletes:
        parts.append(_DELETE_CELL.format(state=_STORED if stored else _NEW, button=_delete_button(row, stored)))
    parts.append("</tr>")
    if stored:
        parts.append(_undo(row) if deletes else '<tr class="hidden form-delete"><td colspan="100"></td></tr>')
    parts.append("</tbody>")
    return SafeString("".join(parts))


def _errors(context: Context, row: Any) -> Iterator[str]:
    errors = row.form.non_field_errors()
    if errors:
        with context.push(errors=errors):
            message = get_template("unfold/helpers/messages/error.html").template.render(context)  # type: ignore[attr-defined]
        yield f'<tr class="row-form-errors group inline-tabular"><td colspan="100">{message}</td></tr>'


def _keys(row: Any) -> Iterator[str]:
    """The hidden fields that say which record a row is."""
    if row.needs_explicit_pk_field():
        yield str(row.pk_field().field)
    if fk_field := row.fk_field():
        yield str(fk_field.field)


def _cell(context: Context, rows: Any, cell: Any, stored: bool) -> str:
    field = cell.field
    state = _STORED if stored else _NEW
    if getattr(cell, "is_readonly", False):
        with context.push(field=cell, tabular=1):
            value = get_template("unfold/helpers/field_readonly_value.html").template.render(context)  # type: ignore[attr-defined]
        label = conditional_escape(capfirst(str(field["label"])))
        return f"{_CELL.format(name=field['name'], state=state, label=label)}{value}</div></td>"
    if field.is_hidden:
        return str(field)
    errors = field.errors
    said = "".join(f'<p class="tk-error">{conditional_escape(error)}</p>' for error in errors)
    if errors:
        state = f"errors {state}"
    start = _CELL.format(name=field.name, state=state, label=_label(rows, field))
    return f'{start}<div class="flex flex-col grow">{field}{said}</div></div></td>'


def _label(rows: Any, field: Any) -> str:
    """Return the label of a column, which is the same in every row."""
    labels: dict[str, str] = rows.__dict__.setdefault("_labels", {})
    if field.name not in labels:
        labels[field.name] = conditional_escape(capfirst(str(field.label)))
    return labels[field.name]


def _delete_button(row: Any, stored: bool) -> str:
    if not stored:
        return _DELETE_BUTTON.format(tag="div", more=" delete-template", box="")
    field = row.deletion_field().field
    classes = f"{field.field.widget.attrs.get('class', '')} delete".strip()
    box = f'<div class="hidden">{field.as_widget(attrs={"class": classes})}</div>'
    return _DELETE_BUTTON.format(tag="label", more="", box=box)


def _undo(row: Any) -> str:
    box = row.deletion_field().field.id_for_label
    says, cancel = gettext("This item will be deleted."), gettext("Click to cancel")
    return _UNDO.format(says=html.escape(says), box=box, cancel=html.escape(cancel))
