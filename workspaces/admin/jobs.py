"""The list of jobs, and decisions about a job. ``executors`` provides the page of a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from terrakube_site.messages import translated
from terrakube_site.theme.markup import format_html
from workspaces.admin.addition import Addition
from workspaces.admin.base import ReadOnly, RecordAdmin, actor_of, allows, telling
from workspaces.admin.exports import ListExport
from workspaces.admin.job_search import with_text
from workspaces.admin.list_views import ViewedList
from workspaces.choices import FINAL_JOB, UNFINISHED_JOB, JobStatus, PanelList, Via
from workspaces.display import age_column, badge, duration, moment, reason_of
from workspaces.errors import InvalidInput
from workspaces.forms.jobs import DecisionForm
from workspaces.jobs import capacity
from workspaces.models import Job, JobComment, Workspace
from workspaces.services import jobs, many_jobs
from workspaces.services.job_comments import comment_on_job, delete_comment

MOST_REFUSALS_TOLD = 10
_VIA = dict(Via.choices)


def span_of(job: Job) -> str:
    """Return how long a job has run; empty before it started."""
    if job.started_at is None:
        return ""
    return duration((job.ended_at or timezone.now()) - job.started_at)


class PhaseFilter(admin.SimpleListFilter):
    """Filters jobs that are in progress, wait for approval, or have ended."""

    title = _("phase")
    parameter_name = "phase"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("open", gettext("In progress")),
            ("approval", gettext("Waiting for approval")),
            ("ended", gettext("Ended")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        if self.value() == "open":
            return queryset.filter(status__in=sorted(UNFINISHED_JOB))
        if self.value() == "approval":
            return queryset.filter(status=JobStatus.WAITING_APPROVAL)
        if self.value() == "ended":
            return queryset.filter(status__in=FINAL_JOB)
        return queryset


@admin.register(Job)
class JobAdmin(ReadOnly, ViewedList, ListExport, RecordAdmin):
    why_no_history = _("A job has no history of changes: its page shows who started it, each decision and each step.")
    panel_list = PanelList.JOBS
    right = "plan_job"
    list_display = ("number", "state", "workspace_name", "organization", "template", "who", "age", "span", "why")
    list_display_links = ("number",)
    list_select_related = ("workspace", "organization", "template")
    list_filter = (PhaseFilter, "status", "organization", "via")
    search_fields = ("=id", "workspace__name", "created_by", "comments", "=commit_id")
    search_help_text = _("Search by number, workspace, person, comment or commit")
    ordering = ("-id",)
    list_before_template = "terrakube/jobs_live.html"
    empty_help = _("Start jobs on the page of their workspace.")
    made_on_page_of = Workspace._meta
    actions = ("cancel",)
    export_columns = (
        ("job", lambda job: job.pk),
        ("organization", lambda job: job.organization.name),
        ("workspace", lambda job: job.workspace.shown_name),
        ("status", lambda job: job.status),
        ("template", lambda job: job.template.name if job.template is not None else None),
        ("via", lambda job: job.via),
        ("by", lambda job: job.created_by),
        ("commit", lambda job: job.commit_id),
        ("comment", lambda job: job.comments),
        ("created", lambda job: job.created_date.isoformat()),
        ("started", lambda job: job.started_at.isoformat() if job.started_at is not None else None),
        ("ended", lambda job: job.ended_at.isoformat() if job.ended_at is not None else None),
        (
            "seconds",
            lambda job: (job.ended_at - job.started_at).total_seconds() if job.ended_at and job.started_at else None,
        ),
        ("approved by", lambda job: job.approved_by),
        ("reason code", lambda job: job.reason_code),
        ("reason", lambda job: job.reason),
    )
    more_columns = ("commit_id", "comments", "approved_by", "finished")
    finished = age_column("ended_at", _("ended"))
    heads_of_columns: ClassVar = {
        "number": ("job",),
        "state": ("status",),
        "workspace_name": ("workspace",),
        "organization": ("organization",),
        "template": ("template",),
        "who": ("via", "by"),
        "age": ("created", "started"),
        "span": ("seconds",),
        "why": ("reason code", "reason"),
        "commit_id": ("commit",),
        "comments": ("comment",),
        "approved_by": ("approved by",),
        "finished": ("ended",),
    }
    addition = Addition()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).defer("tcl", "template__tcl")
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return with_text(queryset, search_term), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        capacity.note_places(changelist.result_list)
        return changelist

    @admin.display(description=_("job"), ordering="id")
    def number(self, job: Job) -> str:
        return f"#{job.pk}"

    @admin.display(description=_("status"), ordering="status")
    def state(self, job: Job) -> SafeString:
        return format_html('<span data-job="{}" data-cell="status">{}</span>', job.pk, badge(job.status))

    @admin.display(description=_("workspace"), ordering="workspace__name")
    def workspace_name(self, job: Job) -> SafeString:
        address = reverse("admin:workspaces_workspace_overview", args=[job.workspace_id])
        return format_html('<a href="{}">{}</a>', address, job.workspace.shown_name)

    @admin.display(description=_("by"), ordering="created_by")
    def who(self, job: Job) -> SafeString:
        # An address that has no room breaks after its sign, not within a word.
        name, sign, host = (job.created_by or "").partition("@")
        return format_html('<span title="{}">{}{}<wbr>{}</span>', _VIA.get(job.via, job.via), name, sign, host)

    @admin.display(description=_("started"), ordering="created_date")
    def age(self, job: Job) -> SafeString:
        return moment(job.created_date)

    @admin.display(description=_("took"), ordering="took")
    def span(self, job: Job) -> SafeString:
        return format_html('<span data-job="{}" data-cell="span">{}</span>', job.pk, span_of(job))

    @admin.display(description=_("reason"), ordering="reason_code")
    def why(self, job: Any) -> SafeString:
        said = reason_of(job)
        return format_html('<span class="tk-reason" data-job="{}" data-cell="reason">{}</span>', job.pk, said)

    # ---- many at once -----------------------------------------------------------------------------------------------

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return allows(request, "plan_job") or allows(request, "approve_job")

    @admin.action(description=_("Cancel…"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Cancel jobs, after a page that lists them."""
        open_jobs = queryset.filter(status__in=sorted(UNFINISHED_JOB))
        chosen = list(open_jobs.order_by("-pk")[: many_jobs.MAX_JOBS])
        if "_apply" in request.POST:
            _tell(request, many_jobs.cancel_jobs(chosen, by=actor_of(request)))
            return None
        full = len(chosen) == many_jobs.MAX_JOBS
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Cancel jobs"),
            "checkbox": ACTION_CHECKBOX_NAME,
            "chosen": chosen,
            "ended": queryset.exclude(status__in=sorted(UNFINISHED_JOB)).count(),
            "left_out": open_jobs.count() - len(chosen) if full else 0,
            "nothing": gettext("All of them have ended."),
        }
        return TemplateResponse(request, "terrakube/cancel_jobs.html", context)

    # ---- what a person decides --------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def own(route: str, view: Callable[..., HttpResponse], name: str) -> Any:
            return path(route, self.admin_site.admin_view(require_POST(view)), name=f"workspaces_job_{name}")

        return [
            own("<int:pk>/approve/", self.approve_view, "approve"),
            own("<int:pk>/reject/", self.reject_view, "reject"),
            own("<int:pk>/cancel/", self.cancel_view, "cancel"),
            own("<int:pk>/again/", self.again_view, "again"),
            own("<int:pk>/comment/", self.comment_view, "comment"),
            own("comments/<uuid:job_comment_id>/delete/", self.delete_comment_view, "comment_delete"),
            *self.export_urls(),
            *self.list_view_urls(),
            *self.addition.urls(self),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        page = self.addition.whole_page(self, request, object_id)
        return page or super().change_view(request, object_id, form_url, extra_context)

    def visible(self, request: HttpRequest, pk: int) -> Job:
        """Return a job that the user may see. Raises Http404."""
        found = Job.objects.visible_to(actor_of(request)).select_related("workspace", "organization").filter(pk=pk)
        job = found.first()
        if job is None:
            raise Http404(gettext("Job not found."))
        return job  # type: ignore[no-any-return]

    def back(self, job: Job) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:workspaces_job_change", args=[job.pk]))

    def _decide(self, request: HttpRequest, pk: int, service: Callable[..., Job], done: str) -> HttpResponse:
        job = self.visible(request, pk)
        form = DecisionForm(request.POST)
        with telling(request, done % {"number": job.pk}):
            if not form.is_valid():
                raise InvalidInput(gettext("The comment is too long: at most 400 characters."))
            service(job, by=actor_of(request), comment=form.cleaned_data["comment"])
        return self.back(job)

    def approve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._decide(request, pk, jobs.approve_job, gettext("Job %(number)d was approved."))

    def reject_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._decide(request, pk, jobs.reject_job, gettext("Job %(number)d was rejected."))

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self.visible(request, pk)
        with telling(request, gettext("Job %(number)d was cancelled.") % {"number": job.pk}):
            jobs.cancel_job(job, by=actor_of(request))
        return self.back(job)

    def comment_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self.visible(request, pk)
        with telling(request):
            comment_on_job(job, request.POST.get("text", ""), by=actor_of(request))
        return self._to_thread(job)

    def delete_comment_view(self, request: HttpRequest, job_comment_id: UUID) -> HttpResponse:
        comment = JobComment.objects.filter(pk=job_comment_id).first()
        job = self.visible(request, comment.job_id if comment is not None else 0)
        if comment is not None:
            comment.job = job
            with telling(request, gettext("The comment was deleted.")):
                delete_comment(comment, by=actor_of(request))
        return self._to_thread(job)

    def _to_thread(self, job: Job) -> HttpResponseRedirect:
        address = reverse("admin:workspaces_job_change", args=[job.pk])
        return HttpResponseRedirect(f"{address}#comments")

    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self.visible(request, pk)
        again = job
        with telling(request):
            again = jobs.run_again(job, by=actor_of(request))
        return self.back(again)


def _tell(request: HttpRequest, results: list[many_jobs.Cancelled]) -> None:
    refused = [result for result in results if result.refused]
    if number := len(results) - len(refused):
        messages.success(
            request,
            ngettext("%(number)d job was cancelled.", "%(number)d jobs were cancelled.", number) % {"number": number},
        )
    for result in refused[:MOST_REFUSALS_TOLD]:
        messages.error(request, f"#{result.job.pk}: {translated(result.refused)}")
    if len(refused) > MOST_REFUSALS_TOLD:
        messages.error(request, gettext("%(number)d jobs were refused in total.") % {"number": len(refused)})


def status_counts(request: HttpRequest) -> dict[str, int]:
    """Count the user's unfinished jobs by status."""
    found = Job.objects.visible_to(actor_of(request)).unfinished().values("status").annotate(number=Count("pk"))
    return {row["status"]: row["number"] for row in found.order_by()}
