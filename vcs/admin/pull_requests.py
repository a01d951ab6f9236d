"""Pages of pull requests: what of them runs, who allows a fork, what a workspace asks, whose accounts command."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from vcs.models import AccountLink, ConcernedWorkspace, PullRequest, PullRequestRules, Report
from vcs.pull_requests.forks import allow_commit
from workspaces.admin.base import ADMINISTRATOR, ReadOnly, RecordAdmin, actor_of, allows, telling
from workspaces.display import age_column, badge
from workspaces.models import Job, Workspace
from workspaces.permissions import require_permission
from workspaces.reasons import in_language
from workspaces.services.saving import save_valid

_MOST_PROBLEMS = 20


@admin.register(PullRequest)
class PullRequestAdmin(ReadOnly, RecordAdmin):
    why_no_history = _("A pull request has no history: the site writes it from the deliveries of the provider.")
    change_form_template = "terrakube/pull_request.html"
    list_display = ("__str__", "title", "repository_name", "author", "open", "held", "changed")
    list_display_links = ("__str__", "title")
    list_select_related = ("vcs",)
    list_filter = ("open", "fork", "vcs")
    search_fields = ("=number", "title", "repository", "author", "=commit")
    search_help_text = _("Search by number, title, repository, author or commit")
    empty_help = _("Pull requests appear here after the first delivery of a webhook.")
    changed = age_column("updated_date", _("changed"))
    fields = readonly_fields = (
        "repository_name",
        "title",
        "author",
        "branch",
        "target_branch",
        "commit",
        "fork",
        "open",
        "merged",
        "allowed_commit",
        "allowed_by",
    )

    @admin.display(description=_("repository"), ordering="repository")
    def repository_name(self, record: PullRequest) -> str:
        return record.repository.removeprefix("https://")

    @admin.display(description=_("waiting for permission"), boolean=True)
    def held(self, record: PullRequest) -> bool:
        return record.open and record.is_held

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        record = self.get_object(request, object_id)
        context = {**(extra_context or {}), **(self._context(request, record) if record is not None else {})}
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]

    def _context(self, request: HttpRequest, record: PullRequest) -> dict[str, Any]:
        rows = list(ConcernedWorkspace.objects.filter(pull_request=record).select_related("workspace__organization"))
        seen = set(
            Workspace.objects.visible_to(actor_of(request))
            .filter(pk__in=[row.workspace_id for row in rows])
            .values_list("pk", flat=True)
        )
        jobs: dict[Any, Job] = {}
        for job in Job.objects.filter(pr_number=record.number, workspace__in=seen).order_by("pk"):
            jobs[job.workspace_id] = job
        shown = [
            {
                "workspace": row.workspace,
                "job": job,
                "state": badge(job.status) if job is not None else "",
                "why": in_language(job.why) if job is not None else "",
                "locked": row.workspace.locked_by_pull_request == record.number,
            }
            for row in rows
            if row.workspace_id in seen
            for job in [jobs.get(row.workspace_id)]
        ]
        problems = Report.objects.filter(
            vcs=record.vcs_id, repository=record.repository, pull_request=record.number
        ).exclude(problem="")
        return {
            "concerned": shown,
            "held": record.open and record.is_held,
            "may_allow": any(allows(request, "plan_job", row.workspace) for row in rows if row.workspace_id in seen),
            "problems": [(str(one), one.problem) for one in problems[:_MOST_PROBLEMS]],
        }

    def get_urls(self) -> list[URLPattern]:
        view: Any = self.admin_site.admin_view(require_POST(self.allow_view))
        return [path("<int:pk>/allow/", view, name="vcs_pullrequest_allow"), *super().get_urls()]

    def allow_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        record: PullRequest | None = self.get_queryset(request).filter(pk=pk).first()
        if record is None:
            raise Http404(gettext("Pull request not found."))
        with telling(request, gettext("The commit is planned.")):
            allow_commit(record, request.POST.get("commit", ""), by=actor_of(request))
        return HttpResponseRedirect(reverse("admin:vcs_pullrequest_change", args=[record.pk]))


@admin.register(PullRequestRules)
class PullRequestRulesAdmin(RecordAdmin):
    right = "manage_workspace"
    list_display = ("workspace", "require_approved", "require_mergeable", "require_up_to_date", "apply_on_merge")
    list_select_related = ("workspace__organization",)
    list_filter = ("workspace__organization",)
    search_fields = ("workspace__name",)
    search_help_text = _("Search by workspace")
    empty_help = _("Without rules, a workspace requires an approval and no conflicts, and applies nothing on a merge.")
    autocomplete_fields = ("workspace",)
    fields = (
        "workspace",
        "require_approved",
        "require_mergeable",
        "require_up_to_date",
        "apply_on_merge",
        "sensitive_in_plans",
        "sensitive_for_forks",
    )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        _require(request, obj)
        save_valid(obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        _require(request, obj)
        obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for record in queryset:
            with telling(request):
                self.delete_model(request, record)


def _require(request: HttpRequest, rules: PullRequestRules) -> None:
    workspace = rules.workspace
    require_permission(
        actor_of(request),
        workspace.organization,
        "manage_workspace",
        action=gettext_noop("change the rules for pull requests"),
        workspace=workspace,
    )


@admin.register(AccountLink)
class AccountLinkAdmin(RecordAdmin):
    """For administrators: who links an account with a user gives it all that the user may."""

    right = ADMINISTRATOR
    read_right = ADMINISTRATOR
    list_display = ("account", "vcs", "user", "account_id")
    list_select_related = ("vcs", "user")
    list_filter = ("vcs",)
    search_fields = ("account", "user__username", "user__email")
    search_help_text = _("Search by account or user")
    empty_help = _("Comments from a linked account run commands with the rights of its user.")
    autocomplete_fields = ("vcs", "user")
    readonly_fields = ("account_id",)
    add_fieldsets = ((None, {"fields": ("vcs", "account", "user")}),)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change and "account" in form.changed_data:
            # Another account: the id of the one before is not its.
            obj.account_id = ""
        save_valid(obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for record in queryset:
            record.delete()
