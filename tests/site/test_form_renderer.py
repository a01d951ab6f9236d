"""Fields that are written without a template say what Django's templates would."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import mark_safe

from terrakube_site.form_renderer import QuickRenderer

WIDGETS = (forms.TextInput, forms.HiddenInput, forms.NumberInput, forms.CheckboxInput)
VALUES = (None, "", "a", "\"><script>&'", 7, 1.5, True, False, mark_safe("a &amp; b"), "ü\n")
ATTRS: tuple[dict[str, Any], ...] = (
    {},
    {"id": "x", "required": True, "disabled": False},
    {"aria-label": '"quoted" & <b>', "data-n": 0, "title": ""},
)


@pytest.mark.parametrize("widget", WIDGETS)
def test_each_field_is_written_as_by_its_template(widget: type[forms.Widget]) -> None:
    class Counting(QuickRenderer):
        def get_template(self, template_name: str) -> Any:
            raise AssertionError(f"{template_name} was asked for")

    for value in VALUES:
        for attrs in ATTRS:
            quick = widget(attrs).render("na<me", value, renderer=Counting())
            assert quick == widget(attrs).render("na<me", value, renderer=DjangoTemplates())


def test_other_fields_still_have_their_template() -> None:
    choice = forms.Select(choices=[("a", "A & B")])
    assert choice.render("x", "a", renderer=QuickRenderer()) == choice.render("x", "a", renderer=DjangoTemplates())
