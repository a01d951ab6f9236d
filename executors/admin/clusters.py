"""Pages of clusters, for administrators: what they are, and whether they answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executors.clusters import health
from executors.clusters.records import delete_cluster, save_cluster
from executors.installation.settings import installation
from workspaces.admin.base import ADMINISTRATOR, AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin, actor_of, telling
from workspaces.admin.secret_display import HidesSecrets, said_to_be_set
from workspaces.display import age_column
from workspaces.forms.secrets import SecretsForm
from workspaces.models import Cluster


class ClusterForm(SecretsForm):
    secret_fields = ("kubeconfig",)

    class Meta:
        model = Cluster
        fields = ("name", "description", "namespace", "kubeconfig", "site_url", "enabled", "organizations")


@admin.register(Cluster)
class ClusterAdmin(HidesSecrets, RecordAdmin):
    right = ADMINISTRATOR
    read_right = ADMINISTRATOR
    form = ClusterForm
    hidden = {"kubeconfig": "kubeconfig_is_set"}
    kubeconfig_is_set = said_to_be_set("kubeconfig", gettext_lazy("kubeconfig"))
    list_display = ("name", "namespace", "state", "description", "changed")
    changed = age_column("updated_date", gettext_lazy("changed"))
    list_filter = ("enabled", "organizations")
    autocomplete_fields = ("organizations",)
    search_fields = ("name", "namespace", "description")
    search_help_text = gettext_lazy("Search by name, namespace or description")
    empty_help = gettext_lazy(
        "All steps run in the cluster of the installation's settings. Add another, and choose it in a workspace or an "
        "organization by EPHEMERAL_CONFIG_CLUSTER."
    )
    readonly_fields = (*AUDIT_FIELDS, "state")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "description",
                    "namespace",
                    "kubeconfig",
                    "site_url",
                    "enabled",
                    "organizations",
                    "state",
                )
            },
        ),
        AUDIT_FIELDSET,
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "name") if obj is not None else fixed

    @admin.display(description=gettext_lazy("state"))
    def state(self, cluster: Cluster) -> SafeString:
        if cluster._state.adding:
            return format_html("{}", _("The watcher asks it when it is saved."))
        if cluster.silent_since is not None:
            said = _("No answer since %(moment)s") % {"moment": health.shown(cluster.silent_since)}
            return format_html("{}{}", said, f": {cluster.problem}" if cluster.problem else "")
        if cluster.problem:
            return format_html("{}", _("Cannot be used: %(problem)s") % {"problem": cluster.problem})
        if not cluster.enabled:
            return format_html("{}", _("Disabled"))
        if cluster.restricted and not cluster.organizations.exists():
            return format_html("{}", _("No organization may use it: those chosen were deleted. Choose others."))
        return format_html("{}", _("Answers") if cluster.answered_at else _("Not asked yet"))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        changed: Iterable[str] = [name for name in form.changed_data if name in form.cleaned_data]
        # Where none is left of those that were chosen, saving something else must not open the cluster to all.
        chosen = list(form.cleaned_data["organizations"]) if "organizations" in changed else None
        save_cluster(obj, changed=changed, conf=installation(), by=actor_of(request), organizations=chosen)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_cluster(obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for record in queryset:
            with telling(request):
                delete_cluster(record, by=actor_of(request))
