"""What the page of a job asks for while it is open: how the job stands, and the logs of its steps."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from executors import log_stream, run_page
from executors.choices import AttemptState
from executors.models import Attempt
from executors.plan_text import ANSI, plan_part
from executors.reporting import logs
from executors.results import results_of, results_version
from workspaces import capacity
from workspaces.admin.base import scope
from workspaces.admin.decisions import decisions
from workspaces.admin.jobs import reason_of, span_of
from workspaces.choices import PLAN_TYPES
from workspaces.models import Job
from workspaces.shown import badge

LOG_BYTES = 2**20
PLAN_BYTES = 4 * 2**20
ROWS = 100
LONGEST_TEXT = 200
RECHECK_SECONDS = 30
_ERROR = re.compile(rb"\b(?:error|panic|fatal|failed)\b", re.IGNORECASE)
_TICKING = re.compile(r'<time[^>]*>[^<]*</time>|data-ticks[^>]*>[^<]*<|name="csrfmiddlewaretoken"[^>]*>')


def _refusal(request: HttpRequest) -> HttpResponse | None:
    if not request.user.is_authenticated or not request.user.is_active:
        return JsonResponse({"errors": [{"detail": _("You are signed out.")}]}, status=401)
    return None


def page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A view for whoever is signed in; what they see is cut down by the view itself."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return _refusal(request) or view(request, *args, **kwargs)

    return never_cache(require_GET(wrapped))


def find_job(request: HttpRequest, job_id: int) -> Job:
    """A job that the user may see. Raises Http404."""
    visible = Job.objects.visible_to(request.user).select_related("workspace", "organization", "template")
    job = visible.defer("tcl", "template__tcl").filter(pk=job_id).first()
    if job is None:
        raise Http404(_("There is no such job."))
    return job  # type: ignore[no-any-return]


def find_attempt(request: HttpRequest, job_id: int, step_id: UUID) -> Attempt:
    """The attempt at a step that ``?attempt=`` numbers, else the newest. Raises Http404."""
    job = find_job(request, job_id)
    found = Attempt.objects.filter(step=step_id, step__job=job).order_by("-number")
    number = request.GET.get("attempt", "")
    attempt = (found.filter(number=int(number)) if number.isdecimal() and len(number) < 9 else found).first()
    if attempt is None:
        raise Http404(_("This step has no log yet."))
    return attempt


def _whole_number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _number(request: HttpRequest, name: str) -> int:
    return _whole_number(request.GET.get(name, ""))


def _offset(request: HttpRequest) -> int:
    return _whole_number(request.headers.get("Last-Event-ID") or request.GET.get("offset", ""))


@page
def run(request: HttpRequest, job_id: int) -> HttpResponse:
    """The short address of a job's page."""
    return HttpResponseRedirect(reverse("admin:workspaces_job_change", args=[find_job(request, job_id).pk]))


def live_parts(request: HttpRequest, job: Job) -> dict[str, Any]:
    """The parts of a job's page that change, with a version that is the same as long as they are."""
    shown = run_page.load(job)
    context = {"run": shown, "job": job, "place": capacity.place_of(job), **decisions(request, job)}
    head = render_to_string("terrakube/run_head.html", context, request)
    steps = render_to_string("terrakube/run_steps.html", context, request)
    log = shown.log_step
    return {
        "title": _("%(status)s · job %(number)d") % {"status": shown.label, "number": job.pk},
        "tone": shown.tone,
        "final": job.is_final and not job.holds_workspace,
        "head": head,
        "steps": steps,
        "log": {"step": str(log.step.pk), "attempt": log.attempts[-1].attempt.number} if log else None,
        "results": results_version(job),
    }


@page
def live(request: HttpRequest, job_id: int) -> HttpResponse:
    """How a job stands; 204 when it stands as ``?version=`` says."""
    parts = live_parts(request, find_job(request, job_id))
    # What ticks by itself, such as how long something took, is no news, nor is a new token against forged requests.
    still = _TICKING.sub("", "\n".join(map(str, parts.values())))
    version = hashlib.sha256(still.encode()).hexdigest()[:16]
    if request.GET.get("version") == version:
        return HttpResponse(status=204)
    return JsonResponse({**parts, "version": version})


@page
def results(request: HttpRequest, job_id: int) -> HttpResponse:
    """What a job's plan would change and what its state puts out, as a part of its page."""
    job = find_job(request, job_id)
    return HttpResponse(
        render_to_string("terrakube/run_results.html", {"results": results_of(job), "job": job}, request)
    )


@page
def plan(request: HttpRequest, job_id: int) -> HttpResponse:
    """A job's plan in terraform's own words, as plain text. Raises Http404 while its log has none."""
    job = find_job(request, job_id)
    planned = Attempt.objects.filter(step__job=job, step__type__in=PLAN_TYPES).order_by("-step__step_number", "-number")
    attempt = planned.first()
    # The plan is the last that its step says, so the end of a long log has it.
    start = max(attempt.log_size - PLAN_BYTES, 0) if attempt is not None else 0
    text = plan_part(logs.read(attempt, start, limit=PLAN_BYTES).data) if attempt is not None else ""
    if not text:
        raise Http404(_("The log of this job has no plan."))
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@page
def rows(request: HttpRequest) -> HttpResponse:
    """How the jobs of ``?ids=`` stand, for a list of them."""
    ids = [int(text) for text in request.GET.get("ids", "").split(",") if text.isdecimal() and len(text) < 19][:ROWS]
    found = list(Job.objects.within(scope(request)).filter(pk__in=ids).defer("tcl"))
    capacity.note_places(found)
    return JsonResponse(
        {
            "jobs": [
                {
                    "id": job.pk,
                    "status": badge(job.status),
                    "reason": reason_of(job),
                    "span": span_of(job),
                    "final": job.is_final,
                }
                for job in found
            ]
        }
    )


@page
def log(request: HttpRequest, job_id: int, step_id: UUID) -> HttpResponse:
    """A piece of a log from ``?offset=`` on; what it is a piece of is said in headers.

    ``?tail=`` begins so many bytes before the end of a log that is much longer.
    """
    attempt = find_attempt(request, job_id, step_id)
    tail = _number(request, "tail")
    offset = min(_offset(request), attempt.log_size)
    if tail and attempt.log_size > tail + LOG_BYTES:
        offset = attempt.log_size - tail
    piece = logs.read(attempt, offset, limit=LOG_BYTES)
    response = HttpResponse(piece.data, content_type="application/octet-stream")
    response["X-Log-Start"] = str(offset)
    response["X-Log-End"] = str(piece.end)
    response["X-Log-Size"] = str(attempt.log_size)
    response["X-Log-Attempt"] = str(attempt.number)
    response["X-Log-Over"] = "1" if attempt.state == AttemptState.ENDED else "0"
    return response


@page
def find(request: HttpRequest, job_id: int, step_id: UUID) -> HttpResponse:
    """Where ``?text=`` is first found in a log from ``?offset=`` on, or without a text the first error; else null."""
    attempt = find_attempt(request, job_id, step_id)
    text = request.GET.get("text", "")[:LONGEST_TEXT]
    pattern = re.compile(re.escape(text).encode(), re.IGNORECASE) if text else _ERROR
    offset, rest = _offset(request), b""
    while True:
        piece = logs.read(attempt, offset, limit=LOG_BYTES)
        window = rest + piece.data
        match = pattern.search(window)
        if match is not None:
            return JsonResponse({"offset": offset - len(rest) + match.start()})
        if piece.end <= offset:
            return JsonResponse({"offset": None})
        # What is looked for may be cut by the end of a piece.
        rest, offset = window[-LONGEST_TEXT:], piece.end


async def _whole(attempt: Attempt, *, plain: bool) -> AsyncIterator[bytes]:
    offset, rest = 0, b""
    while True:
        piece = await log_stream.read(attempt.pk, offset, limit=LOG_BYTES)
        if piece.end <= offset:
            break
        offset = piece.end
        if not plain:
            yield piece.data
            continue
        # A colour's code may be cut by the end of a piece; whole lines hold whole codes.
        lines, newline, rest_of = (rest + piece.data).rpartition(b"\n")
        yield ANSI.sub(b"", lines + newline)
        rest = rest_of
    if rest:
        yield ANSI.sub(b"", rest)


@page
def download(request: HttpRequest, job_id: int, step_id: UUID) -> HttpResponse:
    """The whole log as a file, without colours unless ``?colors=1``."""
    attempt = find_attempt(request, job_id, step_id)
    plain = request.GET.get("colors") != "1"
    response = StreamingHttpResponse(_whole(attempt, plain=plain), content_type="text/plain; charset=utf-8")
    if request.GET.get("inline") != "1":
        response["Content-Disposition"] = f'attachment; filename="{attempt.job_name or attempt.pk}.log"'
    return response  # type: ignore[return-value]


async def events(request: HttpRequest, job_id: int, step_id: UUID) -> HttpResponse | StreamingHttpResponse:
    """A log as server-sent events: each a piece in base64, with the offset of its end as its id."""
    if request.method != "GET":
        return HttpResponse(status=405)
    request.user = await request.auser()
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    attempt = await sync_to_async(find_attempt)(request, job_id, step_id)
    viewer = _Viewer(request.user.pk, request.session.session_key or "", job_id)
    response = StreamingHttpResponse(_events(attempt.pk, _offset(request), viewer), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    # nginx would collect events before it hands them on.
    response["X-Accel-Buffering"] = "no"
    return response


@dataclass(slots=True)
class _Viewer:
    """Who watches a log. A log may go on for hours, so it is asked again and again whether they still may."""

    user_id: Any
    session_key: str
    job_id: int
    asked_at: float = field(default_factory=time.monotonic)

    async def still_may(self) -> bool:
        if time.monotonic() - self.asked_at < RECHECK_SECONDS:
            return True
        self.asked_at = time.monotonic()
        return await sync_to_async(self._may)()

    def _may(self) -> bool:
        user = get_user_model()._default_manager.filter(pk=self.user_id, is_active=True).first()
        if user is None or not SessionStore().exists(self.session_key):
            return False
        return bool(Job.objects.visible_to(user).filter(pk=self.job_id).exists())


async def _events(attempt_id: UUID, offset: int, viewer: _Viewer) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    async for piece in log_stream.follow(attempt_id, offset):
        if not await viewer.still_may():
            # The page asks again, and is refused then.
            return
        if piece is None:
            yield b": still here\n\n"
        else:
            yield b"id: %d\ndata: %s\n\n" % (piece.end, base64.b64encode(piece.data))
    yield b"event: over\ndata: {}\n\n"
