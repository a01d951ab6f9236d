"""What is written in Python of a form is what the widget's own template would write."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.template import Context
from django.template.loader import get_template
from django.utils.html import conditional_escape
from django.utils.html import format_html as django_format_html
from django.utils.html import format_html_join as django_format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy, override
from unfold import widgets as unfold

from terrakube_site.templatetags.rows import shown_value
from terrakube_site.theme.markup import format_html, format_html_join, text_of
from terrakube_site.theme.widgets import WRITERS, Renderer
from tests.support.markup import without_breaks
from workspaces.admin.rendering import shown_field
from workspaces.forms.secrets import SecretInput
from workspaces.models import Item

CHOICES = [
    ("", "None"),
    (1, "<One> & 'two'"),
    ("b", gettext_lazy("Value")),
    ("c", mark_safe("<i>safe</i>")),
    (4, 12345),
]
ATTRIBUTES = {"id": "id_x", "disabled": True, "hidden": False, "title": "a \"b\" <c> & 'd'", "rows": 1234}


def _secret(**state: bool) -> SecretInput:
    widget = SecretInput()
    for name, value in state.items():
        setattr(widget, name, value)
    return widget


CASES: dict[str, tuple[forms.Widget, Any]] = {
    "a text": (unfold.UnfoldAdminTextInputWidget(), "x \"y\" <z> & 'w'"),
    "no text": (unfold.UnfoldAdminTextInputWidget(), None),
    "a number": (unfold.UnfoldAdminIntegerFieldWidget(), 12345),
    "a text with an icon": (unfold.UnfoldAdminTextInputWidget(attrs={"prefix_icon": "key"}), "x"),
    "a hidden key": (forms.HiddenInput(), 12345),
    "a number of Django's": (forms.NumberInput(), "7"),
    "a box that is ticked": (forms.CheckboxInput(), True),
    "a box that is not": (forms.CheckboxInput(), False),
    "lines": (unfold.UnfoldAdminTextareaWidget(), "one\n<two> & \"three\" 'four'"),
    "no lines": (unfold.UnfoldAdminTextareaWidget(), ""),
    "a choice": (unfold.UnfoldAdminSelectWidget(choices=CHOICES), "b"),
    "no choice": (unfold.UnfoldAdminSelectWidget(choices=CHOICES), None),
    "a choice of Django's": (forms.Select(choices=CHOICES), "b"),
    "choices of Django's in groups": (forms.Select(choices=[("Group", CHOICES), ("z", "Z")]), "z"),
    "no secret": (_secret(), "never shown"),
    "a secret": (_secret(stored=True), "never shown"),
    "a secret that must stay": (_secret(stored=True, clearable=False), "never shown"),
    "a secret that cannot be read": (_secret(stored=True, unreadable=True), "never shown"),
    "choices in groups": (unfold.UnfoldAdminSelectWidget(choices=[("Group", CHOICES), ("z", "Z")]), "z"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_field_is_written_as_its_template_has_it(case: str) -> None:
    widget, value = CASES[case]

    # A widget with an icon is another once it was rendered.
    written, wanted = (
        deepcopy(widget).render("name", value, ATTRIBUTES, renderer()) for renderer in (Renderer, DjangoTemplates)
    )

    assert without_breaks(written) == without_breaks(wanted)


def test_every_widget_that_is_written_in_python_is_compared() -> None:
    assert {widget.template_name for widget, _value in CASES.values()} >= set(WRITERS)


def test_a_value_keeps_the_line_break_it_begins_with() -> None:
    # Of what follows the tag a browser takes the first line break away.
    written = unfold.UnfoldAdminTextareaWidget().render("name", "\nsecond line", {}, Renderer())

    assert written.endswith(">\n\nsecond line</textarea>")


@pytest.mark.parametrize("contents", ["text", "a <b> & 'c'", mark_safe("<i>safe</i>"), "", "None", None])
@pytest.mark.parametrize("is_json", [False, True])
def test_a_value_that_is_only_shown_is_written_as_its_template_has_it(contents: Any, is_json: bool) -> None:
    field = SimpleNamespace(contents=lambda: contents, is_file=False, is_json=is_json, wrapper_class="wide")

    wanted = get_template("unfold/helpers/field_readonly_value.html").render({"field": field})

    assert shown_value(Context(), field) == without_breaks(wanted).replace('=" ', '="').replace(' ">', '">')


def test_texts_of_html_are_escaped_as_by_django() -> None:
    class Marked:
        def __html__(self) -> str:
            return "<b>marked</b>"

    values: list[Any] = [
        *("plain", "<a href='x'>&\"", mark_safe("<i>safe</i>"), mark_safe("")),
        *(None, 7, True, Marked(), gettext_lazy("Value"), ["<", "'"]),
    ]

    assert [text_of(value) for value in values] == [conditional_escape(value) for value in values]
    written = format_html("<td{}>{name}</td>", values[2], name=values[1])
    assert written == django_format_html("<td{}>{name}</td>", values[2], name=values[1])
    joined = format_html_join("<br>", "<i>{}{}</i>", [values[:2], values[2:4]])
    assert joined == django_format_html_join("<br>", "<i>{}{}</i>", [values[:2], values[2:4]])
    assert isinstance(written, SafeString)
    assert isinstance(joined, SafeString)


def test_yes_and_no_are_said_in_the_language_of_the_reader() -> None:
    said = {}
    for language in ("en", "de"):
        with override(language):
            said[language] = [shown_field(value, Item._meta.get_field("hcl"), "-") for value in (True, False)]

    words = {"en": ("Yes", "No"), "de": ("Ja", "Nein")}
    for language, expected in words.items():
        assert [word in text for word, text in zip(expected, said[language], strict=True)] == [True] * 2
