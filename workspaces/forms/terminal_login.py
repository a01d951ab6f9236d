"""The form with which a user allows a terminal to act for them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import formats, timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

_DEFAULT_DAYS = 30


class TerminalLoginForm(forms.Form):
    """``days`` 0 means no expiry."""

    description = forms.CharField(
        label=_("Description"),
        max_length=256,
        widget=forms.TextInput({"class": "tk-input"}),
        help_text=_("The token is listed under this name; add the computer's name to find it again."),
    )
    days = forms.TypedChoiceField(
        label=_("Valid for"),
        coerce=int,
        choices=((7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (0, _("Does not expire"))),
        initial=_DEFAULT_DAYS,
        widget=forms.Select({"class": "tk-input"}),
        help_text=_("Run the login again when the token has expired."),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        today = formats.date_format(timezone.localdate(), "DATE_FORMAT")
        self.initial["description"] = gettext("terraform login, {date}").format(date=today)
