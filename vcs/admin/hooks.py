"""Webhooks as they are at the providers, and what they delivered."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from vcs.choices import DeliveryStatus, EventKind
from vcs.deliveries.handling import handle_again
from vcs.deliveries.limits import is_limited
from vcs.hooks.synchronization import register_again
from vcs.models import Delivery, RepositoryHook
from vcs.providers.base import normalized
from workspaces.admin.base import ReadOnly, RecordAdmin, actor_of, allows, telling
from workspaces.display import age_column, moment
from workspaces.models import Workspace
from workspaces.permissions import require_permission
from workspaces.reasons import in_language

_TONES = {
    DeliveryStatus.PENDING: "quiet",
    DeliveryStatus.PROCESSING: "active",
    DeliveryStatus.PROCESSED: "good",
    DeliveryStatus.FAILED: "bad",
}
_RECENT = 5


class _Pages(ReadOnly, RecordAdmin):
    """Read-only pages with one button, for users who manage the organization's workspaces."""

    label: str
    again: str
    """What a refusal calls the button's action."""

    def get_urls(self) -> list[URLPattern]:
        kind = "uuid" if self.model is RepositoryHook else "int"
        view = self.admin_site.admin_view(require_POST(self.again_view))
        return [path(f"<{kind}:pk>/again/", view, name=f"vcs_{self.label}_again"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = self.get_object(request, object_id)
        may = found is not None and allows(request, "manage_workspace", found)
        context = {"may_do_again": may, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]

    def again_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        found = self.get_queryset(request).filter(pk=pk).first()
        if found is None:
            raise Http404(gettext("Record not found."))
        hook = found if isinstance(found, RepositoryHook) else found.hook
        with telling(request):
            require_permission(actor_of(request), hook.vcs.organization, "manage_workspace", action=self.again)
            self.do_again(found)
            messages.success(request, gettext("This happens in a moment. Reload this page."))
        return HttpResponseRedirect(reverse(f"admin:vcs_{self.label}_change", args=[found.pk]))

    def do_again(self, record: Any) -> None:
        raise NotImplementedError


@admin.register(RepositoryHook)
class RepositoryHookAdmin(_Pages):
    why_no_history = _("A repository webhook has no history: the site writes it when a workspace gets a webhook.")
    label = "repositoryhook"
    again = gettext_noop("register a webhook again")
    change_form_template = "terrakube/repository_hook.html"
    list_display = ("__str__", "vcs", "state", "last", "made")
    made = age_column("created_at", _("created"))
    list_select_related = ("vcs__organization",)
    list_filter = ("vcs__organization", "vcs")
    search_fields = ("repository_url",)
    search_help_text = _("Search by repository")
    empty_help = _("The site registers webhooks at the providers for all workspaces with a webhook.")
    fields = readonly_fields = (
        "repository_url", "vcs", "kind", "registered_at", "listens_to", "remote_hook_id", "limited_until",
    )  # fmt: skip

    @admin.display(description=_("state"))
    def state(self, record: RepositoryHook) -> SafeString:
        if is_limited(record):
            tone, text, why = "bad", gettext("Exceeds its limits"), ""
        elif record.problem:
            tone, text, why = "bad", gettext("Failed"), in_language(record.why)
        elif record.remote_hook_id:
            tone, text, why = "good", gettext("Registered"), ""
        else:
            tone, text, why = "quiet", gettext("Not registered yet"), ""
        return format_html('<span class="tk-badge tk-{}">{}</span> <span class="tk-reason">{}</span>', tone, text, why)

    @admin.display(description=_("last delivery"), ordering="last_delivery_at")
    def last(self, record: RepositoryHook) -> SafeString:
        return moment(record.last_delivery_at)

    @admin.display(description=_("kind"))
    def kind(self, record: RepositoryHook) -> str:
        return gettext("Of one workspace") if record.webhook_id else gettext("Shared by the repository's workspaces")

    @admin.display(description=_("listens to"))
    def listens_to(self, record: RepositoryHook) -> str:
        names = dict(EventKind.choices)
        return ", ".join(str(names.get(event, event)) for event in record.events)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        hook = self.get_object(request, object_id)
        context = {} if hook is None else {"make_workspaces": _make_workspaces(hook)}
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def do_again(self, record: RepositoryHook) -> None:
        register_again(record)


def _make_workspaces(hook: RepositoryHook) -> str:
    """Return the address of the pages that make workspaces of a repository."""
    query = urlencode({"vcs": str(hook.vcs_id), "repository": hook.source})
    return f"{reverse('admin:workspaces_workspace_from_repository')}?{query}"


@admin.register(Delivery)
class DeliveryAdmin(_Pages):
    why_no_history = _("A delivery has no history: the site writes it when a provider sends it.")
    label = "delivery"
    again = gettext_noop("process a delivery again")
    change_form_template = "terrakube/delivery.html"
    list_display = ("__str__", "repository", "kind", "ref", "sender", "state", "came_of_it", "arrived")
    arrived = age_column("received_at", _("received"))
    list_select_related = ("hook__vcs__organization",)
    list_filter = ("hook__vcs__organization", "status", "kind")
    search_fields = ("hook__repository_url", "ref", "commit", "sender")
    search_help_text = _("Search by repository, branch, commit or sender")
    empty_help = _("Deliveries of the providers are kept for some days, with their results.")
    fields = readonly_fields = (
        "repository", "received_at", "kind", "ref", "commit", "pull_request", "sender", "title",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.defer("payload")

    @admin.display(description=_("repository"))
    def repository(self, record: Delivery) -> str:
        return str(record.hook)

    @admin.display(description=_("state"), ordering="status")
    def state(self, record: Delivery) -> SafeString:
        tone = _TONES[DeliveryStatus(record.status)]
        return format_html('<span class="tk-badge tk-{}">{}</span>', tone, record.get_status_display())

    @admin.display(description=_("result"))
    def came_of_it(self, record: Delivery) -> str:
        return in_language(record.why)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        delivery = self.get_object(request, object_id)
        rows = (
            [] if delivery is None else delivery.outcomes.select_related("workspace", "job").order_by("workspace__name")
        )
        return super().change_view(request, object_id, form_url, {"outcomes": rows, **(extra_context or {})})

    def do_again(self, record: Delivery) -> None:
        handle_again(record)


def webhook_section(workspace: Workspace, request: HttpRequest) -> dict[str, Any]:
    """Return what a workspace's page shows of its webhook: where it is registered, and what came of deliveries."""
    webhook = getattr(workspace, "webhook", None)
    hook = None
    if webhook is not None and workspace.vcs_id is not None:
        hook = hook_of(workspace)
    return {
        "webhook": webhook,
        "hook": hook,
        "events": [] if webhook is None else list(webhook.events.select_related("template")),
        "outcomes": workspace.delivery_outcomes.select_related("delivery", "job").order_by("-pk")[:_RECENT],
        "may_add": allows(request, "manage_workspace", workspace) and not workspace.deleted,
        "may_see_hook": allows(request, "read", workspace.organization),
    }


def hook_of(workspace: Workspace) -> RepositoryHook | None:
    """Return the webhook at the provider that serves a workspace; None before it is stored."""
    webhook = workspace.webhook
    if not webhook.migrated_v2:
        return RepositoryHook.objects.filter(webhook_id=webhook.pk).first()
    address = normalized(workspace.source)
    return RepositoryHook.objects.filter(vcs=workspace.vcs_id, repository_url=address, webhook_id=None).first()
