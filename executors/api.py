"""What clients fetch of a run: the log of a step, the states of a workspace, the saved plan of a step."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import path
from django.utils.translation import gettext_noop as _
from rest_framework.request import Request

from executors.api_stream import stream
from executors.models import Attempt
from executors.reporting import logs
from executors.terrakube import stored
from workspaces.api.errors import NotThere
from workspaces.api.plain import PlainView
from workspaces.models import Job, SavedPlan, StateVersion, Step, Workspace
from workspaces.permissions import require

_BYTES = "application/octet-stream"
_PIECE_BYTES = 2**20


class StepLogView(PlainView):
    """The log of a step's last attempt that has one, as it is now; empty while there is none."""

    def get(self, request: Request, organization_id: UUID, job_id: int, step_id: UUID) -> HttpResponseBase:
        step = Step.objects.visible_to(self.actor).filter(pk=step_id, job=job_id, job__organization=organization_id)
        if not step.exists():
            raise NotThere(f"Unknown identifier {step_id} for step")
        attempt = Attempt.objects.filter(step=step_id, log_size__gt=0).order_by("-number").first()
        if attempt is None:
            return HttpResponse(stored.step_log(step_id) or b"", content_type=_BYTES)
        return StreamingHttpResponse(_pieces(attempt), content_type=_BYTES)


def _pieces(attempt: Attempt) -> Iterator[bytes]:
    offset = 0
    while True:
        piece = logs.read(attempt, offset, limit=_PIECE_BYTES)
        if piece.end <= offset:
            return
        yield piece.data
        offset = piece.end


class StateView(PlainView):
    """What a workspace's states and plans hold may be secret: the right manageState opens them."""

    def workspace(self, organization_id: UUID, workspace_id: UUID) -> Workspace:
        """A workspace whose states the caller may read. Raises NotThere and NotAllowed."""
        visible = Workspace.objects.visible_to(self.actor).alive().select_related("organization")
        workspace: Workspace | None = visible.filter(pk=workspace_id, organization=organization_id).first()
        if workspace is None:
            raise NotThere(f"Unknown identifier {workspace_id} for workspace")
        require(self.actor, workspace.organization, "manage_state", to=_("read a state"), workspace=workspace)
        return workspace


class StateJsonView(StateView):
    """What ``show -json`` says of one state; ``output`` of a ``history`` is this address."""

    def get(self, request: Request, organization_id: UUID, workspace_id: UUID, state_id: UUID) -> HttpResponse:
        workspace = self.workspace(organization_id, workspace_id)
        versions = StateVersion.objects.filter(workspace=workspace, pk=state_id)
        content = versions.values_list("json", flat=True).first() or stored.described_state(workspace, state_id)
        if content is None:
            raise NotThere(f"There is no description of the state {state_id}")
        return HttpResponse(content, content_type="application/json")


class CurrentStateView(StateView):
    """The workspace's newest state, as Terraform wrote it."""

    def get(self, request: Request, organization_id: UUID, workspace_id: UUID) -> HttpResponse:
        workspace = self.workspace(organization_id, workspace_id)
        versions = StateVersion.objects.filter(workspace=workspace)
        content = versions.order_by("-number").values_list("content", flat=True).first()
        content = content or stored.current_state(workspace)
        if content is None:
            raise NotThere(f"The workspace {workspace_id} has no state")
        return HttpResponse(content, content_type=_BYTES)


class PlanFileView(StateView):
    """The saved plan of a step; ``terraformPlan`` of a job is this address."""

    def get(
        self, request: Request, organization_id: UUID, workspace_id: UUID, job_id: int, step_id: UUID
    ) -> HttpResponse:
        workspace = self.workspace(organization_id, workspace_id)
        plans = SavedPlan.objects.filter(step=step_id, step__job=job_id, step__job__workspace=workspace)
        content = plans.values_list("content", flat=True).first() or stored.plan(workspace, job_id, step_id)
        if content is None:
            raise NotThere(f"The step {step_id} has no saved plan{_trimmed(step_id)}")
        return HttpResponse(content, content_type=_BYTES)


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
        stream,
        name="log-stream",
    ),
    path(f"{_workspace}/state/terraform.tfstate", CurrentStateView.as_view(), name="state"),
    path(f"{_workspace}/state/<uuid:state_id>.json", StateJsonView.as_view(), name="state-json"),
    path(f"{_workspace}/{_step}/terraform.tfstate", PlanFileView.as_view(), name="plan"),
]
