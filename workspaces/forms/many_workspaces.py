"""The form of many workspaces of one repository: what they share, and a row for each folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces.choices import IacType
from workspaces.forms.workspaces import ProjectField
from workspaces.models import Project, Template, Workspace
from workspaces.services.many_workspaces import Listening, NewWorkspace
from workspaces.validation.names import check_version

_INPUT = {"class": "tk-input tk-narrow"}
_NAME = "name:"
"""Begins the names of the fields that hold workspaces' names; the folder follows."""
_PULLS, _PUSHES = "pull-requests", "pushes"


@dataclass(slots=True)
class FolderRow:
    """A folder with the name of its workspace-to-be; ``used_by`` is a workspace that it has already."""

    folder: str
    name: str
    chosen: bool = False
    error: str = ""
    used_by: Workspace | None = None

    @property
    def field(self) -> str:
        """The name of the field that holds the workspace's name."""
        return f"{_NAME}{self.folder}"


def posted_rows(data: QueryDict, used: Mapping[str, Workspace]) -> list[FolderRow]:
    """Return the rows as they were sent, the ones that were not chosen too, so that a page can show them again."""
    chosen = set(data.getlist("folder"))
    return [
        FolderRow(folder, data.get(field, "").strip(), folder in chosen, used_by=used.get(folder))
        for field, folder in ((field, field.removeprefix(_NAME)) for field in data if field.startswith(_NAME))
    ]


class ManyWorkspacesForm(forms.Form):
    """What the new workspaces share; ``rows`` are their folders, of which some are chosen."""

    iac_type = forms.ChoiceField(label=_("Tool"), choices=IacType.choices, widget=forms.Select(_INPUT))
    terraform_version = forms.CharField(
        label=_("Version"),
        max_length=32,
        validators=[check_version],
        widget=forms.TextInput(_INPUT | {"spellcheck": "false", "autocomplete": "off"}),
        help_text=Workspace._meta.get_field("terraform_version").help_text,
    )
    default_template = forms.ModelChoiceField(
        Template.objects.none(),
        label=_("Default template"),
        required=False,
        empty_label=_("None"),
        widget=forms.Select(_INPUT),
    )
    listens = forms.ChoiceField(
        label=_("Webhook"),
        required=False,
        choices=[
            ("", _("None")),
            (_PULLS, _("Plan pull requests")),
            (_PUSHES, _("Plan pull requests, and start the default template at each push")),
        ],
        widget=forms.Select({"class": "tk-input"}),
        help_text=_(
            "The site registers the webhook at the provider. Plans are reported in a comment on the pull request."
        ),
    )
    apply_by_comment = forms.BooleanField(
        label=_("Apply by comment"), required=False, help_text=_("Accept the command that applies before the merge.")
    )
    plan = forms.BooleanField(label=_("Start a first plan in each"), required=False, help_text=_("It changes nothing."))

    def __init__(
        self,
        data: QueryDict | None,
        *,
        rows: Sequence[FolderRow],
        templates: QuerySet[Template],
        projects: QuerySet[Project],
        has_webhooks: bool,
        may_plan: bool,
        initial: Mapping[str, Any],
    ) -> None:
        super().__init__(data, initial=dict(initial))
        self.rows = rows
        template: Any = self.fields["default_template"]
        template.queryset = templates
        select = forms.Select({"class": "tk-input tk-narrow"})
        project = ProjectField(projects, names_organization=False, widget=select)
        project.empty_label = _("None")
        self.fields["project"] = project
        self.order_fields(["project"])
        if not projects.exists():
            del self.fields["project"]
        if not has_webhooks:
            del self.fields["listens"], self.fields["apply_by_comment"]
        if not may_plan:
            del self.fields["plan"]

    @property
    def wanted(self) -> list[NewWorkspace]:
        """The workspaces to create."""
        return [NewWorkspace(row.folder, row.name) for row in self.rows if row.chosen]

    @property
    def listening(self) -> Listening | None:
        """What their webhooks start; None: they get none."""
        data = self.cleaned_data
        if not data.get("listens"):
            return None
        return Listening(
            template=data["default_template"],
            pushes=data["listens"] == _PUSHES,
            apply_by_comment=data["apply_by_comment"],
        )

    @property
    def shared(self) -> dict[str, Any]:
        """The columns that all have in common."""
        names = ("iac_type", "terraform_version", "default_template", "project")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name)}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("listens") and not data.get("default_template"):
            self.add_error("default_template", gettext("Choose the template for the jobs that the webhook starts."))
        if not self.wanted:
            self.add_error(None, gettext("Choose at least one folder."))
        for row in self.rows:
            if row.chosen and not row.name:
                row.error = gettext("Give the workspace a name.")
        if any(row.error for row in self.rows):
            self.add_error(None, gettext("Nothing was created. Correct the names that are marked."))
        return data

    def refuse_rows(self, wrong: Mapping[str, str]) -> None:
        """Show why workspaces cannot be created, each at its folder."""
        for row in self.rows:
            row.error = wrong.get(row.folder, row.error)
        self.add_error(None, gettext("Nothing was created. Correct the names that are marked."))
