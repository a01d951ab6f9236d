"""Forms of teams and accesses, with a select of roles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from workspaces.choices import TeamRole
from workspaces.forms.suggestions import SuggestingInput
from workspaces.models import Access, ProjectAccess, Team
from workspaces.roles import granted_rights, parse_role
from workspaces.services.who_may import MOST_GROUPS

_NAMED = (TeamRole.ADMIN, TeamRole.WRITE, TeamRole.PLAN, TeamRole.READ)
RIGHT_TITLES = {
    "plan_job": _("Start plans"),
    "approve_job": _("Approve and apply"),
    "manage_job": _("Cancel jobs"),
    "manage_workspace": _("Change variables and settings"),
    "create_workspace": _("Create and delete workspaces"),
    "manage_access": _("Change accesses"),
    "manage_state": _("Manage states"),
    "manage_template": _("Manage templates"),
    "manage_vcs": _("Manage VCS connections and SSH keys"),
    "manage_collection": _("Manage collections"),
}
_BY_OTHERS = {
    "manage_job": _("with the right to plan or approve"),
    "create_workspace": _("with the right to manage workspaces"),
    "manage_access": _("with the right to manage workspaces"),
}
"""Rights without a switch of their own: what gives them under the role custom."""


@dataclass(frozen=True, slots=True)
class RoleRow:
    """One right, whether each named role gives it, and what gives it under the role custom."""

    title: str
    marks: Sequence[bool]
    custom: str


@dataclass(slots=True)
class _OfRole:
    role: str | None


def role_names() -> list[str]:
    """Return the named roles, as the columns of their table."""
    return [str(role.label) for role in _NAMED]


def role_rows(*, of_team: bool) -> list[RoleRow]:
    """Return the rights that a team, or else an access, can give, and which role gives each."""
    given = [granted_rights(_OfRole(role), of_team=of_team) for role in _NAMED]
    return [
        RoleRow(str(title), [name in rights for rights in given], _under_custom(name, of_team=of_team))
        for name, title in RIGHT_TITLES.items()
        if any(name in rights for rights in given)
    ]


def _under_custom(name: str, *, of_team: bool) -> str:
    if name == "manage_access" and not of_team:
        return gettext("never")
    return str(_BY_OTHERS.get(name, _("its switch")))


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
            label=_("Role"),
            help_text=_("The rights below apply only when the role is custom or empty."),
            widget=UnfoldAdminSelectWidget(attrs={"aria-label": _("role")}),
        )


class TeamForm(_RoleForm):
    class Meta:
        model = Team
        fields = ("name", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:
            groups = Group.objects.order_by("name").values_list("name", flat=True)[:MOST_GROUPS]
            self.fields["name"].label = _("Group")
            self.fields["name"].help_text = _(
                "Choose a group, or type the name of one that sign-in will provide later. Its members are the team."
            )
            self.fields["name"].widget = SuggestingInput(groups)


class AccessForm(_RoleForm):
    class Meta:
        model = Access
        fields = ("name", "role")


class ProjectAccessForm(_RoleForm):
    class Meta:
        model = ProjectAccess
        fields = ("name", "role")
