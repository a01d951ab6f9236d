"""Access to the parts of a job's page: permission, and the job or attempt that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from executors.models import Attempt
from workspaces.models import Job


def refusal(request: HttpRequest) -> HttpResponse | None:
    if not request.user.is_authenticated or not request.user.is_active:
        return JsonResponse({"errors": [{"detail": _("You are signed out.")}]}, status=401)
    return None


def signed_in_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Make a view for signed-in users; the view itself limits what they see."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return refusal(request) or view(request, *args, **kwargs)

    return never_cache(require_GET(wrapped))


def find_job(request: HttpRequest, job_id: int, *, seen: bool = False) -> Job:
    """Return a job that the user may see; ``seen`` if that was looked up a moment ago. Raises Http404."""
    rows = Job.objects.all() if seen else Job.objects.visible_to(request.user)
    visible = rows.select_related("workspace", "organization", "template")
    job = visible.defer("tcl", "template__tcl").filter(pk=job_id).first()
    if job is None:
        raise Http404(_("Job not found."))
    return job  # type: ignore[no-any-return]


def find_attempt(request: HttpRequest, job_id: int, step_id: UUID) -> Attempt:
    """Return the attempt with the number ``?attempt=``, else the newest one. Raises Http404."""
    return attempt_of(request, find_job(request, job_id), step_id)


def attempt_of(request: HttpRequest, job: Job, step_id: UUID) -> Attempt:
    """Return the attempt of one of a job's steps by its number ``?attempt=``, else the newest. Raises Http404."""
    found = Attempt.objects.filter(step=step_id, step__job=job).order_by("-number")
    number = request.GET.get("attempt", "")
    attempt = (found.filter(number=int(number)) if number.isdecimal() and len(number) < 9 else found).first()
    if attempt is None:
        raise Http404(_("This step has no log yet."))
    return attempt
