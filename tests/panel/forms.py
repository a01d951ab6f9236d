"""Fill in the panel's forms as a browser would: all that the page holds, with some of it changed."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.test import Client


class _Fields(HTMLParser):
    """The fields of one form and what a browser would send of them."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.fields: dict[str, Any] = {}
        self._form_id = form_id
        self._inside = False
        self._template = 0
        self._select: str | None = None
        self._multiple = False
        self._textarea: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._inside = given.get("id") == self._form_id
        name = given.get("name") or ""
        if not self._inside or "__prefix__" in name or "disabled" in given:
            return
        if tag == "input" and name:
            kind = given.get("type", "text")
            if kind in {"checkbox", "radio"}:
                if "checked" in given:
                    self.fields[name] = given.get("value") or "on"
            elif kind not in {"submit", "file", "button"}:
                self.fields[name] = given.get("value") or ""
        elif tag == "textarea" and name:
            self._textarea = name
            self.fields[name] = ""
        elif tag == "select" and name:
            self._select = name
            self._multiple = "multiple" in given
            self.fields.setdefault(name, [] if self._multiple else "")
        elif tag == "option" and self._select and "selected" in given:
            value = given.get("value") or ""
            if self._multiple:
                self.fields[self._select].append(value)
            else:
                self.fields[self._select] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea":
            if self._textarea is not None:
                # A browser passes over the line break with which a text area begins.
                self.fields[self._textarea] = self.fields[self._textarea].removeprefix("\n")
            self._textarea = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self.fields[self._textarea] += data


def fields_of(page: str, form_id: str) -> dict[str, Any]:
    """What a browser would send of a form that nobody has touched."""
    parser = _Fields(form_id)
    parser.feed(page)
    assert parser.fields, f"there is no form {form_id}"
    return parser.fields


def submit(client: Client, address: str, form_id: str, changes: dict[str, Any], **extra: Any) -> Any:
    """Open a page, change some fields of its form (None: not sent) and send it."""
    page = client.get(address)
    assert page.status_code == 200
    data = {**fields_of(page.content.decode(), form_id), **changes}
    sent = {name: value for name, value in data.items() if value is not None}
    return client.post(address, sent, **extra)
