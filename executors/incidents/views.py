"""The bundle of an attempt as a file: from the page of a job, and for clients."""

from __future__ import annotations

import json
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request

from executors.incidents.bundle import file_name, incident_bundle
from executors.installation.settings import installation
from executors.models import Attempt
from executors.runs.access import find_attempt, signed_in_view
from workspaces.api.errors import NotThere
from workspaces.api.json_views import PlainView, number
from workspaces.models import Step

HIGHEST_ATTEMPT = 1_000_000


def _file(attempt: Attempt) -> HttpResponse:
    text = json.dumps(incident_bundle(attempt, installation()), indent=1, sort_keys=True)
    response = HttpResponse(f"{text}\n", content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{file_name(attempt)}"'
    return response


@signed_in_view
def download(request: HttpRequest, job_id: int, step_id: UUID) -> HttpResponse:
    """Return the bundle of the attempt ``?attempt=``, else of the newest one, for everyone who sees the job."""
    return _file(find_attempt(request, job_id, step_id))


class IncidentView(PlainView):
    """The bundle of an attempt of a step, the newest one without ``?attempt=``, for everyone who sees the job."""

    def get(self, request: Request, organization_id: UUID, job_id: int, step_id: UUID) -> HttpResponse:
        step = Step.objects.visible_to(self.actor).filter(pk=step_id, job=job_id, job__organization=organization_id)
        if not step.exists():
            raise NotThere(f"Unknown identifier {step_id} for step")
        found = Attempt.objects.filter(step=step_id).order_by("-number")
        asked = number(request.query_params, "attempt", highest=HIGHEST_ATTEMPT)
        attempt = (found.filter(number=asked) if asked else found).first()
        if attempt is None:
            raise NotThere(f"The step {step_id} has no attempt {asked}" if asked else f"The step {step_id} never ran")
        return _file(attempt)


app_name = "incidents"
urlpatterns = [
    path(
        "tfoutput/v1/organization/<uuid:organization_id>/job/<int:job_id>/step/<uuid:step_id>/incident",
        IncidentView.as_view(),
        name="bundle",
    ),
    path("runs/<int:job_id>/steps/<uuid:step_id>/incident.json", download, name="download"),
]
