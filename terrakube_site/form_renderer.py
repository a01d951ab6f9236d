"""How fields of forms become HTML: the plain ones without a template, since a page with rows has hundreds of them."""

from __future__ import annotations

from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

_INPUTS = frozenset(f"django/forms/widgets/{name}.html" for name in ("checkbox", "hidden", "input", "number", "text"))


class QuickRenderer(DjangoTemplates):
    """Django's own, which writes what its templates of inputs would say by itself."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> SafeString:
        if template_name in _INPUTS:
            return _input(context["widget"])
        return super().render(template_name, context, request)  # type: ignore[return-value]


def _input(widget: dict[str, Any]) -> SafeString:
    value = "" if widget["value"] is None else f' value="{_text(widget["value"])}"'
    attrs = "".join(
        f" {conditional_escape(name)}" if said is True else f' {conditional_escape(name)}="{_text(said)}"'
        for name, said in widget["attrs"].items()
        if said is not False
    )
    kind, name = conditional_escape(widget["type"]), conditional_escape(widget["name"])
    return mark_safe(f'<input type="{kind}" name="{name}"{value}{attrs}>')  # noqa: S308 - each part is escaped


def _text(value: object) -> str:
    return conditional_escape(str(value) if not isinstance(value, SafeString) else value)
