"""The form to create an access token."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class TokenForm(forms.Form):
    """``days`` 0 means no expiry; ``team`` makes a token that acts as a group instead of the user."""

    description = forms.CharField(
        label=_("Description"),
        max_length=256,
        widget=forms.TextInput({"class": "tk-input"}),
        help_text=_("What the token is for, such as: laptop, CI of the network team."),
    )
    days = forms.IntegerField(
        label=_("Valid for"),
        min_value=0,
        max_value=3660,
        initial=30,
        widget=forms.NumberInput({"class": "tk-input tk-narrow"}),
        help_text=_("Number of days. Enter 0 for a token that never expires."),
    )
    team = forms.CharField(
        label=_("Team"),
        required=False,
        max_length=64,
        widget=forms.TextInput({"class": "tk-input"}),
        help_text=_(
            "Leave empty for a personal token. With the name of one of your groups, the token acts as that group."
        ),
    )
