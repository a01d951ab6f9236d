"""The form of a workspace: its own fields, and the settings of its ephemeral executor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from terrakube_site.messages import translated
from workspaces.forms.ephemeral import EphemeralForm
from workspaces.models import Project, Workspace


class ProjectField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """The select of a workspace's project; ``names_organization`` where projects of several may be offered."""

    def __init__(self, projects: QuerySet[Project], *, names_organization: bool) -> None:
        super().__init__(
            projects,
            required=False,
            label=capfirst(gettext_lazy("project")),
            help_text=Workspace._meta.get_field("project").help_text,
            widget=UnfoldAdminSelectWidget(),
        )
        self._names_organization = names_organization

    def label_from_instance(self, project: Any) -> str:
        return f"{project.organization} / {project}" if self._names_organization else str(project)


class WorkspaceForm(forms.ModelForm):  # type: ignore[type-arg]
    """``executor`` is the form of the executor's settings; None for a new workspace, and on a tab without them."""

    executor_defaults: Mapping[str, str] = {}
    wrong_settings: Mapping[str, str] = {}
    shows_executor = True

    class Meta:
        model = Workspace
        fields = "__all__"  # noqa: DJ007 - the admin says which

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.executor: EphemeralForm | None = None
        if self.shows_executor and not self.instance._state.adding:
            data = self.data if self.is_bound else None
            self.executor = EphemeralForm(data, workspace=self.instance, defaults=self.executor_defaults)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        project, organization = data.get("project"), data.get("organization", self.instance.organization_id)
        if project is not None and organization not in {project.organization, project.organization_id, None}:
            self.add_error("project", _("The project belongs to another organization."))
        if self.executor is not None and self.wrong_settings:
            self.executor.errors = dict(self.wrong_settings)
            self.add_error(None, _("The ephemeral executor has invalid settings; see the errors below."))
        elif not self.shows_executor:
            for sentence in self.wrong_settings.values():
                self.add_error(None, translated(sentence))
        return data
