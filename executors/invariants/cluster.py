"""Invariants of the cluster, as far as this service account may read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from executors.choices import ACTIVE, AttemptState, ExecutorKind
from executors.cluster import ClusterError, Manifest
from executors.invariants import AT_MOST, Moment, Violation
from executors.models import Attempt
from executors.watching.diagnosis.statuses import Seen, as_uuid, attempt_of, is_leaving, job_end, when
from executors.watching.snapshot import SELECTOR

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

LEAVING_SECONDS = 120
"""Time that a Job or pod may take to go after its deletion, besides its grace period."""
_KINDS = ("Job", "Pod", "Secret")


@dataclass(frozen=True, slots=True)
class Contents:
    """Our Jobs, pods and Secrets in a namespace; None for a kind that may not be listed.

    ``cluster`` is the name of its cluster, "" for that of the installation's settings.
    """

    namespace: str
    objects: Mapping[str, Sequence[Seen] | None]
    cluster: str = ""


def list_contents(api: Cluster, namespace: str, cluster: str = "") -> Contents:
    """List our objects. Raises ClusterError if not even Jobs can be listed."""
    lists = {"Job": api.list_jobs, "Pod": api.list_pods, "Secret": api.list_secrets}
    found: dict[str, Sequence[Manifest] | None] = {}
    for kind, ask in lists.items():
        try:
            found[kind] = ask(namespace, SELECTOR)[0]
        except ClusterError as error:
            if error.status != 403 or kind == "Job":
                raise
            found[kind] = None
    return Contents(namespace, found, cluster)


def _known(contents: Contents) -> dict[UUID, Attempt]:
    named = (as_uuid(attempt_of(one)) for objects in contents.objects.values() for one in objects or ())
    ids = {pk for pk in named if pk is not None}
    return {attempt.pk: attempt for attempt in Attempt.objects.filter(pk__in=ids)}


def leftovers(moment: Moment, contents: Contents, *, shared: bool) -> Iterator[Violation]:
    """Yield objects whose attempt is over and cleaned up or, unless the namespace is ``shared``, unknown here."""
    known = _known(contents)
    for kind in _KINDS:
        for one in contents.objects[kind] or ():
            attempt = known.get(as_uuid(attempt_of(one)) or UUID(int=0))
            wrong = _violation(moment, kind, one, attempt, contents, shared=shared)
            if wrong:
                yield Violation(f"{kind} {contents.namespace}/{one['metadata']['name']}", wrong)


def _violation(
    moment: Moment, kind: str, one: Seen, attempt: Attempt | None, contents: Contents, *, shared: bool
) -> str:
    leaving = when(one["metadata"].get("deletionTimestamp"))
    if is_leaving(one):
        # Kubernetes stores the end of the object's grace period there.
        late = leaving is not None and leaving < moment.ago(LEAVING_SECONDS)
        return f"It was to be gone at {leaving:%H:%M:%S}" if late and leaving is not None else ""
    made = when(one["metadata"].get("creationTimestamp"))
    kept = moment.conf.ttl_seconds + LEAVING_SECONDS
    if attempt is None:
        old = made is not None and made < moment.ago(kept)
        return "Its attempt is not known to this site" if old and not shared else ""
    if attempt.state != AttemptState.ENDED or attempt.cleaned_at is None or attempt.cleaned_at > moment.settled:
        return ""
    if kind == "Job":
        end = job_end(one)
        if end is None:
            return f"Its attempt was over at {attempt.cleaned_at:%H:%M:%S}, and it goes on"
        if end.at is not None and end.at < moment.ago(kept):
            return f"It ended at {end.at:%Y-%m-%d %H:%M:%S}, and its time to live is {moment.conf.ttl_seconds} s"
        return ""
    if kind == "Pod" and one.get("status", {}).get("phase") not in {"Succeeded", "Failed"}:
        return f"Its attempt was over at {attempt.cleaned_at:%H:%M:%S}, and it is {one['status'].get('phase')}"
    owner = next((reference["name"] for reference in one["metadata"].get("ownerReferences") or ()), "")
    jobs = {job["metadata"]["name"] for job in contents.objects["Job"] or ()}
    old = made is not None and made < moment.ago(LEAVING_SECONDS)
    return "" if owner in jobs or not old else "Its attempt is over, and its Job is gone"


def attempts_without_job(moment: Moment, contents: Contents) -> Iterator[Violation]:
    """Yield open attempts in the cluster that have no Job although their launch should be done."""
    names: set[Any] = {attempt_of(job) for job in contents.objects["Job"] or ()}
    launch = moment.ago(moment.conf.start_timeout_seconds + 60)
    attempts = Attempt.objects.exclude(state=AttemptState.ENDED).filter(executor=ExecutorKind.KUBERNETES)
    found = 0
    for attempt in (
        attempts.filter(namespace__in=["", contents.namespace], cluster=contents.cluster).order_by("pk").iterator()
    ):
        if str(attempt.pk) in names:
            continue
        since = attempt.missing_since or attempt.launched_at
        # The watcher looks twice before it believes that a Job is gone, and grants invisible pods their grace period.
        patience = moment.ago(moment.conf.termination_grace_seconds(may_change=True) + 60)
        missing = attempt.state in {*ACTIVE, AttemptState.LAUNCHED} and since is not None and since < patience
        if missing or (attempt.state == AttemptState.NEW and attempt.not_before < launch):
            yield Violation(f"attempt {attempt} ({attempt.pk})", f"It is {attempt.state}, and has no Job")
            found += 1
            if found == AT_MOST:
                return
