"""A text field that offers values while one types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget


class SuggestingInput(UnfoldAdminTextInputWidget):  # type: ignore[misc]
    """A text field with a list of values to choose from; other values may be typed, too.

    With ``list_id`` the page has the list, once for many fields, as an element with that id; ``values`` are unused.
    """

    def __init__(self, values: Iterable[str] = (), attrs: Any = None, *, list_id: str = "") -> None:
        super().__init__(attrs)
        self.values = tuple(values)
        self.list_id = list_id

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        list_id = self.list_id or f"{name}-values"
        given = {**(attrs or {}), "list": list_id, "autocomplete": "off", "spellcheck": "false"}
        field: SafeString = super().render(name, value, given, renderer)
        if self.list_id:
            return field
        options = format_html_join("", '<option value="{}">', ((one,) for one in self.values))
        return format_html('{}<datalist id="{}">{}</datalist>', field, list_id, options)
