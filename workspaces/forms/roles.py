"""Forms of teams and accesses, with a select of roles."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from workspaces.choices import TeamRole
from workspaces.models import Access, ProjectAccess, Team
from workspaces.roles import parse_role


class _RoleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Offers the known roles; an unknown stored role stays until another one is chosen."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "role" not in self.fields:
            # Shown to a user who may not change it.
            return
        stored = self.instance.role or ""
        known = parse_role(stored) if stored.strip() else None
        choices: list[tuple[str, Any]] = [("", _("None: the rights below apply")), *TeamRole.choices]
        if known is not None:
            # Show it as this role, in whatever case it is stored.
            self.initial["role"] = known.value
        elif stored.strip():
            choices.append((stored, gettext("%(word)s: unknown role, read only") % {"word": stored}))
        self.fields["role"] = forms.TypedChoiceField(
            choices=choices,
            required=False,
            empty_value=None,
            label=_("role"),
            help_text=_("The rights below apply only when the role is custom or empty."),
            widget=UnfoldAdminSelectWidget(attrs={"aria-label": _("role")}),
        )


class TeamForm(_RoleForm):
    class Meta:
        model = Team
        fields = ("name", "role")


class AccessForm(_RoleForm):
    class Meta:
        model = Access
        fields = ("name", "role")


class ProjectAccessForm(_RoleForm):
    class Meta:
        model = ProjectAccess
        fields = ("name", "role")
