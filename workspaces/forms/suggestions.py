"""A text field that offers values while one types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget


class SuggestingInput(UnfoldAdminTextInputWidget):  # type: ignore[misc]
    """A text field with a list of values to choose from; other values may be typed, too."""

    def __init__(self, values: Iterable[str], attrs: Any = None) -> None:
        super().__init__(attrs)
        self.values = tuple(values)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        list_id = f"{name}-values"
        given = {**(attrs or {}), "list": list_id, "autocomplete": "off", "spellcheck": "false"}
        field = super().render(name, value, given, renderer)
        options = format_html_join("", '<option value="{}">', ((one,) for one in self.values))
        return format_html('{}<datalist id="{}">{}</datalist>', field, list_id, options)
