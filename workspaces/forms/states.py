"""Forms of the pages of states: upload one, and choose two to compare."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from workspaces.services.state import LONGEST_REASON

_INPUT = {"class": "tk-input tk-narrow"}


class StateUploadForm(forms.Form):
    """A state file, why it is uploaded, and whether it may replace a state that it does not continue."""

    state = forms.FileField()
    reason = forms.CharField(max_length=LONGEST_REASON, required=False)
    force = forms.BooleanField(required=False)


class StateComparisonForm(forms.Form):
    """Two versions of a workspace's state, by their numbers."""

    before = forms.TypedChoiceField(label=_("Before"), coerce=int, widget=forms.Select(_INPUT))
    after = forms.TypedChoiceField(label=_("After"), coerce=int, widget=forms.Select(_INPUT))

    def __init__(self, *args: Any, choices: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("before", "after"):
            field: Any = self.fields[name]
            field.choices = choices
