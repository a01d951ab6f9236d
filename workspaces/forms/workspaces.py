"""The form of a workspace: its own fields, and the settings of its ephemeral executor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from workspaces.forms.ephemeral import EphemeralForm
from workspaces.models import Workspace


class WorkspaceForm(forms.ModelForm):  # type: ignore[type-arg]
    """``executor`` is the form of the executor's settings; None for a new workspace."""

    executor_defaults: Mapping[str, str] = {}
    wrong_settings: Mapping[str, str] = {}

    class Meta:
        model = Workspace
        fields = "__all__"  # noqa: DJ007 - the admin says which

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.executor: EphemeralForm | None = None
        if not self.instance._state.adding:
            data = self.data if self.is_bound else None
            self.executor = EphemeralForm(data, workspace=self.instance, defaults=self.executor_defaults)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.executor is not None and self.wrong_settings:
            self.executor.errors = dict(self.wrong_settings)
            self.add_error(None, _("The ephemeral executor has invalid settings; see the errors below."))
        return data
