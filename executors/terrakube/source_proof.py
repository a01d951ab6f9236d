"""Decide whether Terrakube's executor has its source.

Up to 2.28 it only logs that its clone failed, and runs the step in an empty folder: a plan there destroys everything
in the state. Its reports tell: they hold the commit that it found, or none. For an uploaded source, which has no
commit, this site knows whether it served the archive.
"""

from __future__ import annotations

import datetime as dt
import re
from uuid import UUID

from executors.attempts import lifecycle
from executors.choices import UNCLAIMED, AttemptState, EventKind, ExecutorKind
from executors.installation.settings import installation, version_in_name
from executors.models import Attempt
from workspaces.models import Job

STOPS_WITHOUT_SOURCE = (2, 29)
"""First version that fails its step if the source cannot be fetched."""
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_UPLOAD = "/configuration-versions/{key}/terraformContent.tar.gz"
_OURS = re.compile(_UPLOAD.format(key="[0-9a-f-]{36}").replace(".", r"\.") + "$")
_PHASE = "source"


def lacks_source(attempt: Attempt, commit_id: str) -> bool:
    """Return True if an executor continues without any proof of its source; ``commit_id`` is what it reported."""
    version = _version(attempt)
    if version is not None and version >= STOPS_WITHOUT_SOURCE:
        return False
    job: Job = attempt.step.job
    if (job.override_branch or job.workspace.first_branch) != "remote-content":
        return _COMMIT.fullmatch(commit_id) is None and not has_source(attempt)
    address = job.override_source or job.workspace.source
    if not _OURS.search(address):
        # An archive on another host is between that host and the executor.
        return not address.startswith(("http://", "https://"))
    return not has_source(attempt)


def has_source(attempt: Attempt, *, since: dt.datetime | None = None) -> bool:
    """Return True if an attempt's executor reported a commit, or was served the archive, ``since`` a moment."""
    found = attempt.events.filter(kind=EventKind.PHASE, detail=_PHASE)
    return (found if since is None else found.filter(at__gte=since)).exists()


def note_source(attempt: Attempt, commit_id: str) -> None:
    """Note that an executor has a commit of its source, where what it reports is one."""
    if _COMMIT.fullmatch(commit_id) is not None:
        lifecycle.record_event(attempt, EventKind.PHASE, _PHASE)


def note_upload_given(version_id: UUID) -> None:
    """Record that an uploaded source was served to the executors that begin with it or have just begun."""
    waiting = Attempt.objects.filter(
        state__in=(*UNCLAIMED, AttemptState.CLAIMED),
        executor=ExecutorKind.KUBERNETES,
        step__job__override_source__endswith=_UPLOAD.format(key=version_id),
    )
    for attempt in waiting:
        lifecycle.record_event(attempt, EventKind.PHASE, _PHASE)


def _version(attempt: Attempt) -> tuple[int, int] | None:
    """Return the version of an attempt's image, None if unknown."""
    conf = installation()
    # It may report before its launcher has recorded the image.
    return conf.terrakube_version if attempt.image in {"", conf.image} else version_in_name(attempt.image)
