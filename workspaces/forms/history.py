"""The filter above a history; its address holds all of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from workspaces.choices import Door, HistoryVerb
from workspaces.services.history import Cursor, Filter

_INPUT = {"class": "tk-input tk-narrow"}
_ALL = ("", _("All"))


class HistoryFilterForm(forms.Form):
    """Who did what to which kind of record, by which door and when; days are those of UTC."""

    who = forms.CharField(label=_("Who"), required=False, max_length=256, widget=forms.TextInput(_INPUT))
    kind = forms.ChoiceField(label=_("Record type"), required=False, widget=forms.Select(_INPUT))
    verb = forms.ChoiceField(
        label=_("What"), required=False, choices=[_ALL, *HistoryVerb.choices], widget=forms.Select(_INPUT)
    )
    door = forms.ChoiceField(
        label=_("Interface"), required=False, choices=[_ALL, *Door.choices], widget=forms.Select(_INPUT)
    )
    text = forms.CharField(label=_("Name or field"), required=False, max_length=256, widget=forms.TextInput(_INPUT))
    since = forms.DateField(
        label=_("From (UTC)"), required=False, widget=forms.DateInput({**_INPUT, "type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label=_("To (UTC)"), required=False, widget=forms.DateInput({**_INPUT, "type": "date"}, format="%Y-%m-%d")
    )
    before = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, kinds: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        field: Any = self.fields["kind"]
        field.choices = [_ALL, *kinds]

    def clean_before(self) -> Cursor | None:
        try:
            return Cursor.parse(self.cleaned_data["before"])
        except ValueError:
            raise forms.ValidationError(_("This is not a page of the history.")) from None

    @property
    def wanted(self) -> Filter:
        """Return the filter of a valid form."""
        data = self.cleaned_data
        return Filter(
            who=data["who"],
            kind=data["kind"],
            verb=data["verb"],
            door=data["door"],
            text=data["text"],
            since=_midnight(data["since"]),
            until=_midnight(data["until"], days=1),
        )


def _midnight(day: dt.date | None, *, days: int = 0) -> dt.datetime | None:
    if day is None:
        return None
    try:
        return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) + dt.timedelta(days=days)
    except OverflowError:
        # The last day of the calendar has no day after it.
        return None
