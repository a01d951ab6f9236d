"""The changing parts of a job's page, worked out once for all who watch the job on this web process.

A page asks every second. Among many viewers, one reading of the job a second serves all of them, and who they are is
looked up again every ``RECHECK_SECONDS`` only. A page that was just opened gets a reading of its own, which the others
then share.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from executors.runs import view_model
from executors.runs.access import RECHECK_SECONDS, find_job
from executors.runs.apply_progress import ApplyProgress, apply_progress
from executors.runs.origin import Comment, comments_on, deletable_comments
from executors.runs.results import PendingApproval, pending_approval, results_version
from executors.runs.view_model import Run
from workspaces.admin.base import actor_of
from workspaces.admin.open_decisions import decisions
from workspaces.admin.recovered_states import recovered_states
from workspaces.jobs import capacity
from workspaces.models import Job, RecoveredState
from workspaces.permissions import rights
from workspaces.roles import Rights

SHARED_SECONDS = 0.8
"""For how long a reading serves the pages that are open; less than the second after which a page asks again."""
_MOST_JOBS = 200
_MOST_VIEWERS = 2000
_TOKEN = "csrf-token-of-the-viewer"  # noqa: S105 - stands for the token until the viewer's own is filled in
_TICKING = re.compile(r"<time[^>]*>[^<]*</time>|data-ticks[^>]*>[^<]*<")
_PATH = re.compile(r"/runs/(\d{1,18})/live$")

Flags = tuple[tuple[str, Any], ...]
"""The decisions that are open to a viewer, by name, and the comments that they may delete."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts for viewers with the same decisions; ``version`` stays the same while they show the same."""

    content: dict[str, Any]
    version: str

    def for_viewer(self, request: HttpRequest) -> dict[str, Any]:
        """Return the parts with the viewer's own token in their forms."""
        found = {**self.content, "version": self.version}
        for name in ("head", "comments"):
            if _TOKEN in found[name]:
                found[name] = found[name].replace(_TOKEN, get_token(request))
        return found


@dataclass(slots=True)
class Reading:
    """What one look at a job found, in one language, and what was rendered of it so far."""

    job: Job
    run: Run
    place: Any
    to_approve: PendingApproval | None
    comments: list[Comment]
    progress: ApplyProgress | None
    recovered: list[RecoveredState]
    results: str
    taken_at: float
    """By the monotonic clock."""
    rendered: dict[Flags, Parts] = field(default_factory=dict)

    @property
    def stamp(self) -> tuple[Any, ...]:
        """Return what decides, beside a viewer's rights, which decisions are open."""
        job = self.job
        steps = tuple((one.step.status, one.step.interruption) for one in self.run.steps)
        said = tuple(comment.row.pk for comment in self.comments if comment.row is not None)
        return (job.status, job.holds_workspace, job.approval_team, job.workspace.deleted, steps, said)

    def parts(self, flags: Flags) -> Parts:
        found = self.rendered.get(flags)
        if found is None:
            found = self.rendered[flags] = self._render(dict(flags))
        return found

    def _render(self, flags: dict[str, Any]) -> Parts:
        run, job, log = self.run, self.job, self.run.log_step
        context = {
            "run": run,
            "job": job,
            "place": self.place,
            "to_approve": self.to_approve,
            "comments": self.comments,
            "recovered_states": self.recovered,
            "csrf_token": _TOKEN,
            **flags,
        }
        content = {
            "title": _("%(status)s · job %(number)d") % {"status": run.label, "number": job.pk},
            "tone": run.tone,
            "final": job.is_final and not job.holds_workspace,
            "head": render_to_string("terrakube/run_head.html", context),
            "steps": render_to_string("terrakube/run_steps.html", context),
            "comments": render_to_string("terrakube/run_comments.html", context),
            "progress": render_to_string("terrakube/run_progress.html", {"progress": self.progress}),
            "leads": run.leads_with,
            "log": {"step": str(log.step.pk), "attempt": log.attempts[-1].attempt.number} if log else None,
            "results": self.results,
        }
        # Running durations are no change.
        still = _TICKING.sub("", "\n".join(map(str, content.values())))
        return Parts(content, hashlib.sha256(still.encode()).hexdigest()[:16])


def read(job: Job) -> Reading:
    """Read what the page of a job shows now, in the active language."""
    taken_at = time.monotonic()
    # Read once for all who share the reading, whose decisions hang on the steps, too.
    prefetch_related_objects([job], "steps")
    run = view_model.load_run(job)
    return Reading(
        job=job,
        run=run,
        place=capacity.place_of(job),
        to_approve=pending_approval(job),
        comments=comments_on(job, (one.step for one in run.steps)),
        progress=apply_progress(job, run.steps),
        recovered=list(recovered_states(job)),
        results=results_version(job),
        taken_at=taken_at,
    )


def open_flags(request: HttpRequest, reading: Reading, own: Rights) -> Flags:
    """Return what is open to the user of a request, who has these rights: decisions, and comments to delete."""
    found = decisions(request, reading.job, own=own)
    flags = ((name, bool(value)) for name, value in found.items() if name.startswith("may_"))
    return (*flags, ("deletable", deletable_comments(reading.comments, by=actor_of(request))))


@dataclass(slots=True)
class _Shared:
    lock: threading.Lock = field(default_factory=threading.Lock)
    reading: Reading | None = None


@dataclass(slots=True)
class _Viewer:
    """Someone with an open page of a job, as their session was when it was last looked up."""

    user: Any
    own: Rights
    """Their rights on the job's workspace."""
    seen_at: float
    stamp: tuple[Any, ...] = ()
    flags: Flags = ()


class _Recent[Key, Value](OrderedDict[Key, Value]):
    """The entries used last; threads of one process share them."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._lock = threading.Lock()

    def put(self, key: Key, value: Value) -> None:
        with self._lock:
            self[key] = value
            self.move_to_end(key)
            while len(self) > self._most:
                self.popitem(last=False)

    def entry(self, key: Key, make: Callable[[], Value]) -> Value:
        with self._lock:
            found = self.get(key)
            if found is None:
                found = self[key] = make()
            self.move_to_end(key)
            while len(self) > self._most:
                self.popitem(last=False)
            return found


_jobs: _Recent[tuple[int, str], _Shared] = _Recent(_MOST_JOBS)
_viewers: _Recent[tuple[str, int], _Viewer] = _Recent(_MOST_VIEWERS)


def known_viewer(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Return the middleware that knows again who asked for the same job a moment ago, without a query.

    It stands before all that look up the user. A page that was just opened has no version yet and is looked up.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        match = _PATH.search(request.path_info)
        if match and request.method == "GET" and request.GET.get("version"):
            viewer = _viewers.get((request.session.session_key or "", int(match[1])))
            if viewer is not None and time.monotonic() - viewer.seen_at < RECHECK_SECONDS:
                request.user = viewer.user
                request.live_viewer = viewer  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def parts_for(request: HttpRequest, job_id: int) -> Parts:
    """Return the changing parts of a job's page as the user of a request sees them. Raises Http404."""
    viewer: _Viewer | None = getattr(request, "live_viewer", None)
    shared = _jobs.entry((job_id, get_language() or ""), _Shared)
    if viewer is None:
        job = find_job(request, job_id)
        viewer = _Viewer(request.user, rights(actor_of(request), job.organization, job.workspace), time.monotonic())
        if request.session.session_key:
            _viewers.put((request.session.session_key, job_id), viewer)
        reading = shared.reading
        if reading is None or not request.GET.get("version") or _is_old(reading):
            reading = shared.reading = read(job)
    else:
        # One of those who ask at the same moment reads, and the others wait for it.
        with shared.lock:
            reading = shared.reading
            if reading is None or _is_old(reading):
                reading = shared.reading = read(find_job(request, job_id, seen=True))
    if viewer.stamp != reading.stamp:
        viewer.stamp, viewer.flags = reading.stamp, open_flags(request, reading, viewer.own)
    return reading.parts(viewer.flags)


def _is_old(reading: Reading) -> bool:
    return time.monotonic() - reading.taken_at >= SHARED_SECONDS
