"""The changing parts of a job's page, worked out once for all who watch the job on this web process.

A page asks every second. Among many viewers, one reading of the job a second serves all of them, and that they still
may see it is looked up for all of them together. A page that was just opened gets a reading of its own, which the
others then share.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from executors.runs import view_model
from executors.runs.access import find_job
from executors.runs.apply_progress import ApplyProgress, apply_progress
from executors.runs.origin import Comment, comments_on, deletable_comments
from executors.runs.results import PendingApproval, pending_approval, results_version
from executors.runs.view_model import Run
from executors.runs.viewers import Flags, Viewer, viewers
from workspaces.admin.base import actor_of
from workspaces.admin.open_decisions import decisions
from workspaces.admin.recovered_states import recovered_states
from workspaces.jobs import capacity
from workspaces.models import Job, RecoveredState
from workspaces.roles import Rights

SHARED_SECONDS = 0.8
"""For how long a reading serves the pages that are open; less than the second after which a page asks again."""
_LATEST_SECONDS = 4.0
"""How old a reading may be that is shown while another is being made."""
PATH = re.compile(r"/runs/(\d{1,18})/live$")
"""What a page asks for."""
_MOST_JOBS = 200
_MOST_LANGUAGES = 8
_LONGEST_CHOICE = 256
"""How many characters of the cookie and the header that choose a language are kept, at most, for each viewer."""
_TOKEN = secrets.token_hex(16)
"""Stands for the token until the viewer's own is filled in; no text that somebody wrote contains it."""
_TICKING = re.compile(r"<time[^>]*>[^<]*</time>|data-ticks[^>]*>[^<]*<")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts for viewers with the same decisions, as JSON; ``version`` stays the same while they show the same."""

    version: str
    text: bytes

    def for_viewer(self, token: Callable[[], str]) -> bytes:
        """Return the parts with the viewer's own token, which is asked for only if there are forms for it."""
        mark = _TOKEN.encode()
        return self.text.replace(mark, token().encode()) if mark in self.text else self.text


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
        rules = (job.approval_team, job.organization.no_self_approval, job.workspace.deleted)
        return (job.status, job.holds_workspace, rules, steps, said)

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
        # Running durations are no change, and what stands for the token is another on each web process.
        still = _TICKING.sub("", "\n".join(map(str, content.values()))).replace(_TOKEN, "")
        version = hashlib.sha256(still.encode()).hexdigest()[:16]
        return Parts(version, json.dumps({**content, "version": version}).encode())


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
    claimed_at: float = float("-inf")

    def is_claimed_by_caller(self, reading: Reading) -> bool:
        """Return whether the caller is to read anew: the first to ask, and all where that one came to nothing."""
        now = time.monotonic()
        if now - reading.taken_at > _LATEST_SECONDS or now - self.claimed_at >= SHARED_SECONDS:
            self.claimed_at = now
            return True
        return False


class _Recent(OrderedDict[tuple[int, str], _Shared]):
    """The jobs that were watched last, by language; threads of one process share them."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def entry(self, key: tuple[int, str]) -> _Shared:
        with self._lock:
            found = self.get(key)
            if found is None:
                found = self[key] = _Shared()
            self.move_to_end(key)
            while len(self) > _MOST_JOBS:
                self.popitem(last=False)
            return found


_jobs = _Recent()


def known_viewer(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Return the middleware that knows again who asked for the same job a moment ago, without a query.

    It stands before all that look up the user. A page that was just opened has no version yet and is looked up.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        match = PATH.search(request.path_info)
        if match and request.method == "GET" and request.GET.get("version"):
            if viewers.claim_check():
                viewers.check()
            viewer = viewers.known(request.session.session_key or "", int(match[1]))
            if viewer is not None:
                request.user = viewer.standing.user
                request.live_viewer = viewer  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def parts_for(request: HttpRequest, job_id: int) -> Parts:
    """Return the changing parts of a job's page as the user of a request sees them. Raises Http404."""
    viewer: Viewer | None = getattr(request, "live_viewer", None)
    language = get_language() or ""
    shared = _jobs.entry((job_id, language))
    if viewer is None:
        job = find_job(request, job_id)
        viewer = viewers.join(request.session.session_key or "", request.user, job)
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
        viewer.stamp, viewer.flags = reading.stamp, open_flags(request, reading, viewer.standing.own)
    _note_language(viewer, request, language)
    return reading.parts(viewer.flags)


def _note_language(viewer: Viewer, request: HttpRequest, language: str) -> None:
    chosen_by = (request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, ""), request.headers.get("Accept-Language", ""))
    if sum(map(len, chosen_by)) > _LONGEST_CHOICE:
        return
    if len(viewer.languages) >= _MOST_LANGUAGES:
        viewer.languages.clear()
    viewer.languages[chosen_by] = language


def parts_at_hand(viewer: Viewer, chosen_by: tuple[str, str]) -> tuple[Parts, str] | None:
    """Return the parts for a viewer with their language, if these are rendered and not to be read again, else None.

    ``chosen_by`` are the cookie and the header that choose the language. Where a new reading is due, one of those who
    ask is told None, and makes it; the others have the last one meanwhile.
    """
    language = viewer.languages.get(chosen_by)
    shared = _jobs.get((viewer.key[1], language)) if language is not None else None
    reading = shared.reading if shared is not None else None
    if shared is None or reading is None or language is None or viewer.stamp != reading.stamp:
        return None
    if _is_old(reading) and shared.is_claimed_by_caller(reading):
        return None
    found = reading.rendered.get(viewer.flags)
    return (found, language) if found is not None else None


def _is_old(reading: Reading) -> bool:
    return time.monotonic() - reading.taken_at >= SHARED_SECONDS
