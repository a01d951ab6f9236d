"""For clients: the log of a step, the states of a workspace and their rollback, the saved plan of a step."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.utils.translation import gettext_noop as _
from rest_framework.request import Request

from executors.attempts.plan_file_list import stored_list
from executors.logs import store
from executors.models import Attempt
from executors.runs.client_stream import stream_log
from executors.terrakube import stored_files
from workspaces.api.errors import NotThere
from workspaces.api.json_views import PlainView, text
from workspaces.models import Job, RecoveredState, SavedPlan, StateVersion, Step, Workspace
from workspaces.permissions import require_permission
from workspaces.services.state import LONGEST_REASON
from workspaces.services.state_rollback import roll_back_state

_BYTES = "application/octet-stream"


class StepLogView(PlainView):
    """The log of a step's last attempt that has one, as it is now; empty without one."""

    def get(self, request: Request, organization_id: UUID, job_id: int, step_id: UUID) -> HttpResponseBase:
        step = Step.objects.visible_to(self.actor).filter(pk=step_id, job=job_id, job__organization=organization_id)
        if not step.exists():
            raise NotThere(f"Unknown identifier {step_id} for step")
        attempt = Attempt.objects.filter(step=step_id, log_size__gt=0).order_by("-number").first()
        if attempt is None:
            return HttpResponse(stored_files.step_log(step_id) or b"", content_type=_BYTES)
        return StreamingHttpResponse((piece.data for piece in store.pieces(attempt)), content_type=_BYTES)


class StateView(PlainView):
    """States and plans may hold secrets: reading them needs the permission manageState."""

    def workspace(self, organization_id: UUID, workspace_id: UUID) -> Workspace:
        """Return a workspace whose states the caller may read. Raises NotThere and NotAllowed."""
        visible = Workspace.objects.visible_to(self.actor).alive().select_related("organization")
        workspace: Workspace | None = visible.filter(pk=workspace_id, organization=organization_id).first()
        if workspace is None:
            raise NotThere(f"Unknown identifier {workspace_id} for workspace")
        require_permission(
            self.actor, workspace.organization, "manage_state", action=_("read a state"), workspace=workspace
        )
        return workspace


class StateJsonView(StateView):
    """The ``show -json`` description of one state; ``output`` of a ``history`` is this address."""

    def get(self, request: Request, organization_id: UUID, workspace_id: UUID, state_id: UUID) -> HttpResponse:
        workspace = self.workspace(organization_id, workspace_id)
        versions = StateVersion.objects.filter(workspace=workspace, pk=state_id)
        content = versions.values_list("json", flat=True).first() or stored_files.described_state(workspace, state_id)
        if content is None:
            raise NotThere(f"There is no description of the state {state_id}")
        return HttpResponse(content, content_type="application/json")


class CurrentStateView(StateView):
    """The workspace's newest state, as Terraform wrote it."""

    def get(self, request: Request, organization_id: UUID, workspace_id: UUID) -> HttpResponse:
        workspace = self.workspace(organization_id, workspace_id)
        versions = StateVersion.objects.filter(workspace=workspace)
        content = versions.order_by("-number").values_list("content", flat=True).first()
        content = content or stored_files.current_state(workspace)
        if content is None:
            raise NotThere(f"The workspace {workspace_id} has no state")
        return HttpResponse(content, content_type=_BYTES)


class RollbackView(StateView):
    """Make an earlier state current again. The answers are Terrakube's, ``reason`` in the body is ours."""

    def put(self, request: Request, organization_id: UUID, workspace_id: UUID, state_id: UUID) -> HttpResponse:
        workspace = self.workspace(organization_id, workspace_id)
        reason = text(self.body(), "reason", longest=LONGEST_REASON)
        version = StateVersion.objects.filter(workspace=workspace, pk=state_id).first()
        if version is None:
            raise NotThere("JSON state not found")
        if version.content is None:
            raise NotThere("Raw Terraform state not found")
        roll_back_state(version, by=self.actor, reason=reason)
        return HttpResponse("Rollback successful", content_type="text/plain", status=HTTPStatus.CREATED)


class RecoveredStateView(StateView):
    """A recovered state, which did not become the current one, as Terraform wrote it."""

    def get(self, request: Request, organization_id: UUID, workspace_id: UUID, recovered_id: UUID) -> HttpResponse:
        workspace = self.workspace(organization_id, workspace_id)
        found = RecoveredState.objects.filter(workspace=workspace, pk=recovered_id)
        content = found.values_list("content", flat=True).first()
        if content is None:
            raise NotThere(f"There is no recovered state {recovered_id}")
        return HttpResponse(content, content_type=_BYTES)


class PlanFileView(StateView):
    """The saved plan of a step; ``terraformPlan`` of a job is this address."""

    def get(
        self, request: Request, organization_id: UUID, workspace_id: UUID, job_id: int, step_id: UUID
    ) -> HttpResponse:
        workspace = self.workspace(organization_id, workspace_id)
        plans = SavedPlan.objects.filter(step=step_id, step__job=job_id, step__job__workspace=workspace)
        content = plans.values_list("content", flat=True).first() or stored_files.plan(workspace, job_id, step_id)
        if content is None:
            raise NotThere(f"The step {step_id} has no saved plan{_trimmed(step_id)}")
        return HttpResponse(content, content_type=_BYTES)


class PlanFilesView(PlainView):
    """Files that the plan of a step made below its work folder, for everyone who sees the job."""

    def get(self, request: Request, organization_id: UUID, job_id: int, step_id: UUID) -> JsonResponse:
        step = Step.objects.visible_to(self.actor).filter(pk=step_id, job=job_id, job__organization=organization_id)
        if not step.exists():
            raise NotThere(f"Unknown identifier {step_id} for step")
        plan = SavedPlan.objects.filter(step=step_id, content__isnull=False).only("file_list").first()
        if plan is None:
            raise NotThere(f"The step {step_id} has no saved plan{_trimmed(step_id)}")
        return JsonResponse(stored_list(plan).to_json())


def _trimmed(step_id: UUID) -> str:
    job = Job.objects.filter(steps=step_id, trimmed_at__isnull=False).first()
    return f": it was removed on {job.trimmed_at:%Y-%m-%d} by retention, {job.trimmed_why}" if job else ""


_workspace = "tfstate/v1/organization/<uuid:organization_id>/workspace/<uuid:workspace_id>"
_step = "jobId/<int:job_id>/step/<uuid:step_id>"
app_name = "results"
urlpatterns = [
    path(
        "tfoutput/v1/organization/<uuid:organization_id>/job/<int:job_id>/step/<uuid:step_id>",
        StepLogView.as_view(),
        name="log",
    ),
    path(
        "tfoutput/v1/organization/<uuid:organization_id>/job/<int:job_id>/step/<uuid:step_id>/stream",
        stream_log,
        name="log-stream",
    ),
    path(
        "tfoutput/v1/organization/<uuid:organization_id>/job/<int:job_id>/step/<uuid:step_id>/files",
        PlanFilesView.as_view(),
        name="plan-files",
    ),
    path(f"{_workspace}/state/terraform.tfstate", CurrentStateView.as_view(), name="state"),
    path(f"{_workspace}/state/<uuid:state_id>.json", StateJsonView.as_view(), name="state-json"),
    path(f"{_workspace}/rollback/<uuid:state_id>.json", RollbackView.as_view(), name="rollback"),
    path(f"{_workspace}/recovered/<uuid:recovered_id>.tfstate", RecoveredStateView.as_view(), name="recovered-state"),
    path(f"{_workspace}/{_step}/terraform.tfstate", PlanFileView.as_view(), name="plan"),
]
