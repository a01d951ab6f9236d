"""The form of a notification: its events as boxes, its address and secret never shown again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from workspaces.choices import TRIGGERS, NotificationEvent
from workspaces.forms.secrets import SecretsForm
from workspaces.models import NotificationConfiguration

E = NotificationEvent
_USUAL = (E.WAITING_APPROVAL, E.FAILED)


class NotificationForm(SecretsForm):
    secret_fields = ("destination_url", "signing_secret")
    events = forms.MultipleChoiceField(
        label=_("Events"),
        choices=TRIGGERS,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Events to notify about. Most teams choose approvals, failures and drift."),
    )

    class Meta:
        model = NotificationConfiguration
        fields = (
            "organization",
            "workspace",
            "name",
            "description",
            "channel_type",
            "destination_url",
            "signing_secret",
            "active",
            "message_style",
            "message_template",
            "templates",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["events"] = (
            list(self.instance.triggers.values_list("job_status", flat=True))
            if self.instance.pk and not self.instance._state.adding
            else [str(event) for event in _USUAL]
        )
        if "organization" in self.fields:
            # Who manages a single workspace chooses that alone.
            self.fields["organization"].required = False
            self.fields["organization"].help_text = _("Empty: the organization of the workspace.")
        if "message_template" in self.fields:
            self.fields["message_template"].widget = UnfoldAdminTextareaWidget(
                attrs={"rows": 2, "class": "tk-mono", "spellcheck": "false"}
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        workspace = data.get("workspace")
        if "organization" in self.fields and data.get("organization") is None:
            if workspace is not None:
                data["organization"] = workspace.organization
            elif "organization" not in self.errors and "workspace" not in self.errors:
                self.add_error("organization", _("Choose an organization or a workspace."))
        elif (
            workspace is not None
            and "organization" in self.fields
            and workspace.organization_id != data["organization"].pk
        ):
            self.add_error("workspace", _("This workspace belongs to another organization."))
        return data
