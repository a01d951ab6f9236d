"""How forms write their fields: the commonest widgets in Python, since a page has hundreds, each of many templates.

What is written is what the widget's template says, which the tests compare; every other widget is left to its template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from terrakube_site.theme.markup import text_of

_OPTION = "django/forms/widgets/select_option.html"
_ADORNMENTS = ("prefix", "prefix_icon", "suffix", "suffix_icon")
_ARROW = (
    '<span class="material-symbols-outlined absolute group-[.primary]:text-white pointer-events-none mr-[12px] right-0'
    " text-base-400 top-0 top-1/2 hover:text-base-700 dark:text-base-500 dark:hover:text-base-200"
    ' -translate-y-1/2">expand_more</span>'
)


def _attributes(widget: Mapping[str, Any]) -> str:
    return "".join(
        f" {text_of(name)}" if value is True else f' {text_of(name)}="{text_of(value)}"'
        for name, value in widget["attrs"].items()
        if value is not False
    )


def _input(widget: Mapping[str, Any]) -> str:
    value = "" if widget["value"] is None else f' value="{text_of(widget["value"])}"'
    return f'<input type="{text_of(widget["type"])}" name="{text_of(widget["name"])}"{value}{_attributes(widget)}>'


def _line(widget: Mapping[str, Any]) -> str | None:
    if any(widget.get(name) for name in _ADORNMENTS):
        return None
    return f'<div class="max-w-2xl relative w-full">{_input(widget)}</div>'


def _area(widget: Mapping[str, Any]) -> str:
    # A browser takes the first line break away, which may be the value's own.
    value = text_of(localize(widget["value"])) if widget["value"] else ""
    return f'<textarea name="{text_of(widget["name"])}"{_attributes(widget)}>\n{value}</textarea>'


def _plain_select(widget: Mapping[str, Any]) -> str | None:
    written: list[str] = []
    for group, options, _index in widget["optgroups"]:
        if group or any(option["template_name"] != _OPTION for option in options):
            return None
        for option in options:
            value, name = text_of(option["value"]), text_of(localize(option["label"]))
            written.append(f'<option value="{value}"{_attributes(option)}>{name}</option>')
    return f'<select name="{text_of(widget["name"])}"{_attributes(widget)}>{"".join(written)}</select>'


def _select(widget: Mapping[str, Any]) -> str | None:
    field = _plain_select(widget)
    return None if field is None else f'<div class="grow relative max-w-2xl">{field}{_ARROW}</div>'


def _secret(widget: Mapping[str, Any]) -> str:
    if widget["unreadable"]:
        said = gettext("Cannot be read; replace it")
    else:
        said = gettext("Set, not shown. Leave empty to keep it.") if widget["stored"] else gettext("Not set")
    clear = (
        f'<label class="tk-check"><input type="checkbox" name="{text_of(widget["clear_name"])}" value="1">'
        f" {text_of(gettext('Clear it'))}</label>"
        if widget["clear_name"]
        else ""
    )
    field = f'<textarea name="{text_of(widget["name"])}"{_attributes(widget)} placeholder="{text_of(said)}"></textarea>'
    return f'<span class="tk-secret-field">{field}{clear}</span>'


WRITERS: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "django/forms/widgets/checkbox.html": _input,
    "django/forms/widgets/hidden.html": _input,
    "django/forms/widgets/number.html": _input,
    "django/forms/widgets/select.html": _plain_select,
    "terrakube/widgets/secret.html": _secret,
    "unfold/widgets/text.html": _line,
    "unfold/widgets/textarea.html": _area,
    "unfold/widgets/select.html": _select,
}
"""What writes a widget instead of the template of that name; None of a widget that it does not know how to write."""


class Renderer(DjangoTemplates):
    """Django's own, but for ``WRITERS``."""

    field_template_name = "terrakube/field.html"

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        write = WRITERS.get(template_name)
        written = write(context["widget"]) if write is not None else None
        if written is None:
            return super().render(template_name, context, request)
        return SafeString(written)
