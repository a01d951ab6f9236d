"""The form of a workspace: its own fields, and the settings of its ephemeral executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget

from terrakube_site.messages import translated
from workspaces.forms.ephemeral import EphemeralForm
from workspaces.models import Project, Workspace
from workspaces.services.remote_state import consumer_keys
from workspaces.services.sources import UPLOADED
from workspaces.validation.repositories import NO_REPOSITORY
from workspaces.variables.pod_settings import Settings


class ProjectField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """The select of a workspace's project; ``names_organization`` where projects of several may be offered."""

    def __init__(
        self, projects: QuerySet[Project], *, names_organization: bool, widget: forms.Select | None = None
    ) -> None:
        super().__init__(
            projects,
            required=False,
            label=capfirst(gettext_lazy("project")),
            help_text=Workspace._meta.get_field("project").help_text,
            widget=widget or UnfoldAdminSelectWidget(),
        )
        self._names_organization = names_organization

    def label_from_instance(self, project: Any) -> str:
        return f"{project.organization} / {project}" if self._names_organization else str(project)


class ConsumersField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """The workspaces that may read a state, chosen by name; their ids are what is stored."""

    default_error_messages = {"invalid_choice": gettext_lazy("Choose workspaces of the same organization.")}

    def prepare_value(self, value: Any) -> Any:
        return super().prepare_value(consumer_keys(value) if isinstance(value, str) else value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(consumer_keys(initial), data)

    def clean(self, value: Any) -> Any:
        return ",".join(str(one.pk) for one in super().clean(value)) or None


GIT, UPLOAD = "git", "upload"
_ON, _OFF = "1", "0"
_REPOSITORY = gettext_lazy("URL of the git repository (https or ssh).")
_BRANCH = gettext_lazy("Branch, tag or full commit hash; empty for main.")


class WorkspaceForm(forms.ModelForm):  # type: ignore[type-arg]
    """``executor`` is the form of the executor's settings; None for a new workspace, and on a tab without them.

    With ``asks_origin``, a choice says whether the configuration is in git or uploaded, and the words by which the
    columns say so are neither shown nor typed.
    """

    origin = forms.ChoiceField(
        label=gettext_lazy("Configuration"),
        required=False,
        choices=[(GIT, gettext_lazy("Git repository")), (UPLOAD, gettext_lazy("Uploaded archive (tar.gz)"))],
        initial=GIT,
        widget=UnfoldAdminRadioSelectWidget(),
    )
    pods = forms.ChoiceField(
        label=gettext_lazy("Steps run in"),
        required=False,
        choices=[
            ("", gettext_lazy("Organization default")),
            (_ON, gettext_lazy("Pods in Kubernetes")),
            (_OFF, gettext_lazy("This machine")),
        ],
        widget=UnfoldAdminSelectWidget(),
    )

    executor_defaults: Mapping[str, str] = {}
    pod_settings: Callable[[Workspace], Settings] | None = None
    """What the page has looked up of a workspace's stored settings; None leaves it to the form."""
    wrong_settings: Mapping[str, str] = {}
    shows_executor = True
    asks_origin = False

    class Meta:
        model = Workspace
        fields = "__all__"  # noqa: DJ007 - the admin says which

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.executor: EphemeralForm | None = None
        self._stored = {name: getattr(self.instance, name) for name in ("source", "branch")}
        if self.asks_origin and {"source", "branch"} <= self.fields.keys():
            self._ask_origin(kwargs.get("initial") or {})
        else:
            del self.fields["origin"]
        if not self.instance._state.adding or not self.asks_origin:
            del self.fields["pods"]
        if self.shows_executor and not self.instance._state.adding:
            data = self.data if self.is_bound else None
            known = None if self.pod_settings is None else partial(self.pod_settings, self.instance)
            self.executor = EphemeralForm(
                data, workspace=self.instance, defaults=self.executor_defaults, inherited_from=known
            )

    def _ask_origin(self, given: Mapping[str, Any]) -> None:
        uploaded = not self.instance._state.adding and self.instance.uploaded_source
        if uploaded:
            self.initial["origin"] = UPLOAD
        if uploaded or self.instance._state.adding:
            self.initial.update({"source": "", "branch": "" if uploaded else "main", **given})
        for name, help_text in (("source", _REPOSITORY), ("branch", _BRANCH)):
            # Which of them has to be filled in depends on the choice.
            self.fields[name].required = False
            self.fields[name].help_text = help_text

    @cached_property
    def changed_data(self) -> list[str]:
        found: list[str] = super().changed_data
        data = getattr(self, "cleaned_data", {})
        if "origin" not in self.fields or self.instance._state.adding:
            return found
        # What is stored decides, since the words of an upload are not what the fields show.
        changed = [name for name, text in self._stored.items() if name in data and data[name] != text]
        return [*(name for name in found if name not in self._stored), *changed]

    def _clean_origin(self, data: dict[str, Any]) -> None:
        if data.get("origin") == UPLOAD:
            was_uploaded = self._stored["branch"].split(",")[0].strip() == UPLOADED
            words = self._stored if was_uploaded else {"source": NO_REPOSITORY, "branch": UPLOADED}
            data |= words
            return
        if "source" in data and not data["source"]:
            self.add_error("source", _("Enter the URL of the git repository."))
        if "branch" in data and not data["branch"]:
            data["branch"] = "main"

    def clean_shared_ids(self) -> str | None:
        """Keep the workspaces that the user does not see and so cannot have taken away."""
        field: Any = self.fields["shared_ids"]
        stored = Workspace.objects.alive().filter(
            organization=self.instance.organization_id, pk__in=consumer_keys(self.instance.shared_ids)
        )
        unseen = stored.exclude(pk__in=field.queryset.values("pk"))
        keys = [*consumer_keys(self.cleaned_data["shared_ids"]), *unseen.values_list("pk", flat=True)]
        return ",".join(map(str, keys)) or None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "origin" in self.fields:
            self._clean_origin(data)
            # A look before the fields were cleaned is not kept.
            self.__dict__.pop("changed_data", None)
        project, organization = data.get("project"), data.get("organization", self.instance.organization_id)
        if project is not None and organization not in {project.organization, project.organization_id, None}:
            self.add_error("project", _("The project belongs to another organization."))
        if self.executor is not None and self.wrong_settings:
            self.executor.errors = dict(self.wrong_settings)
            self.add_error(None, _("The ephemeral executor has invalid settings; see the errors below."))
        else:
            for sentence in self.wrong_settings.values():
                self.add_error(None, translated(sentence))
        return data
