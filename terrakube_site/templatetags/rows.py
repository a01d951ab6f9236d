"""The rows of a form, and those of a record on its page, in Python: a page has fifty, each of many templates."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from django import template
from django.template.context import Context
from django.template.loader import get_template
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from unfold.widgets import CHECKBOX_LABEL_CLASSES, LABEL_CLASSES

from terrakube_site.theme.markup import text_of

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
_NO_UNDO = '<tr class="hidden form-delete"><td colspan="100"></td></tr>'
_KEYS = (
    '<tr class="border-b border-base-200 dark:border-base-800 bg-base-50 dark:bg-white/[.02] lg:bg-transparent'
    ' lg:border-0 dark:lg:bg-transparent!"><td colspan="100">{keys}</td></tr>'
)
_STORED, _NEW = "p-3 lg:py-3", "py-3"
_FIELD = (
    '<div class="field-line flex flex-col grow group group/line px-3 py-2.5 border-b border-base-200 border-dashed'
    ' min-h-[59px] group-[.last]/row:border-b-0 lg:flex-row lg:items-center dark:border-base-800{more}">{inner}</div>'
)
_LINE = (
    '<div class="lg:min-w-56 lg:w-56 lg:h-[38px] lg:flex lg:items-center lg:self-start lg:leading-[38px] lg:*:m-0">'
    '{label}</div><div class="grow relative">{control}{help}{errors}</div>'
)
_BOX = (
    '<div class="flex flex-col gap-2 py-2 lg:flex-row"><div class="font-medium flex items-start -ml-2 min-w-32 w-32'
    ' lg:min-w-56 lg:w-56">{label}</div><div class="grow"><div class="flex flex-col lg:flex-row">{control}{help}</div>'
    "{errors}</div></div>"
)
_HELP = '<div class="leading-relaxed mt-2 text-xs">{}</div>'
_BOX_HELP = f'<div class="lg:-mt-2 lg:ml-2">{_HELP}</div>'
_ERRORS = '<div class="mt-2 text-red-600 text-xs dark:text-red-500">{}</div>'
_REQUIRED = '<span class="text-red-600 dark:text-red-500">*</span>'


@register.simple_tag(takes_context=True)
def field_row(context: Context, line: Any, loop: Mapping[str, Any]) -> SafeString:
    """One row of a form's fields: label, control, help and errors of each.

    Fields here are shown whatever others hold, so no condition is asked for.
    """
    classes = "form-row field-row group/row" + ("" if line.has_visible_field else " hidden")
    fields = "".join(_field(context, field) for field in line)
    return SafeString(f'<div class="{classes}{" last" if loop["last"] else ""}">{fields}</div>')


def _field(context: Context, field: Any) -> str:
    if field.is_readonly:
        more, control, errors = "", shown_value(context, field), ""
        label, about = str(field.label_tag()), field.field.get("help_text")
    else:
        bound = field.field
        more = f" field-{bound.name}" + (" errors" if bound.errors else "")
        errors = _ERRORS.format(bound.errors.as_ul()) if bound.errors else ""
        label, control, about = _label_tag(field), str(bound), bound.help_text
    # A help text is the code's own, with its links.
    said = (_BOX_HELP if field.is_checkbox else _HELP).format(about) if about else ""
    inner = _BOX if field.is_checkbox else _LINE
    return _FIELD.format(more=more, inner=inner.format(label=label, control=control, help=said, errors=errors))


def _label_tag(field: Any) -> str:
    bound = field.field
    classes = list(CHECKBOX_LABEL_CLASSES if field.is_checkbox else LABEL_CLASSES)
    text = text_of(bound.label)
    if bound.field.required:
        classes.append("required")
        # Django adds nothing to a label that ends with a mark of its own.
        text += "" if text.endswith((":", "?", ".", "!")) else _REQUIRED
    key = bound.id_for_label
    is_for = f' for="{html.escape(key)}"' if key else ""
    return f'<label class="{" ".join(classes)}"{is_for}>{text}</label>'


def shown_value(context: Context, field: Any) -> str:
    """Return the value of a field that is not for entering."""
    if field.is_file:
        with context.push(field=field):
            shown: str = get_template("unfold/helpers/field_readonly_value.html").template.render(context)  # type: ignore[attr-defined]
        return shown
    value = text_of(field.contents() or "")
    more = " ".join(["max-w-4xl" if field.is_json else "max-w-2xl", "*:rounded-default", *field.wrapper_class.split()])
    return f'<div class="readonly break-words {more}">{"–" if value in {"", "None"} else value}</div>'


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
    deletion = row.deletion_field().field if deletes and stored else None
    parts = [f'<tbody class="{" ".join(classes)}">', *_errors(context, row)]
    if stored:
        parts.append(_KEYS.format(keys="".join(_keys(row))))
    parts.append('<tr class="form-row has-[.delete:checked]:[&+.form-delete]:table-row">')
    for fieldset in row:
        for line in fieldset:
            parts += [_cell(context, rows, cell, stored) for cell in line]
    if deletes:
        parts.append(_DELETE_CELL.format(state=_STORED if stored else _NEW, button=_delete_button(deletion)))
    parts.append("</tr>")
    if stored:
        parts.append(_undo(deletion) if deletion is not None else _NO_UNDO)
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
        label = _label(rows, field["name"], field["label"])
        return f"{_CELL.format(name=field['name'], state=state, label=label)}{shown_value(context, cell)}</div></td>"
    if field.is_hidden:
        return str(field)
    errors = field.errors
    said = "".join(f'<p class="tk-error">{text_of(error)}</p>' for error in errors)
    if errors:
        state = f"errors {state}"
    start = _CELL.format(name=field.name, state=state, label=_label(rows, field.name, field.label))
    return f'{start}<div class="flex flex-col grow">{field}{said}</div></div></td>'


def _label(rows: Any, name: str, label: Any) -> str:
    """Return the label of a column, which is the same in every row."""
    labels: dict[str, str] = rows.__dict__.setdefault("_labels", {})
    if name not in labels:
        labels[name] = text_of(capfirst(str(label)))
    return labels[name]


def _delete_button(field: Any) -> str:
    """Return the button of a row whose field says that it is deleted; None of a row that is not stored."""
    if field is None:
        return _DELETE_BUTTON.format(tag="div", more=" delete-template", box="")
    classes = f"{field.field.widget.attrs.get('class', '')} delete".strip()
    box = f'<div class="hidden">{field.as_widget(attrs={"class": classes})}</div>'
    return _DELETE_BUTTON.format(tag="label", more="", box=box)


def _undo(field: Any) -> str:
    box = field.id_for_label
    says, cancel = gettext("This item will be deleted."), gettext("Click to cancel")
    return _UNDO.format(says=html.escape(says), box=box, cancel=html.escape(cancel))
