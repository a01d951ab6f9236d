"""Check all invariants, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from django.db import DatabaseError
from django.utils import timezone

from executors.cluster import ClusterError
from executors.clusters.reaching import Place, place_of, place_of_record
from executors.installation.settings import Installation
from executors.invariants import AT_MOST, RECENT_DAYS, Finding, Moment, Violation, limits, records, runs
from executors.invariants import cluster as in_cluster
from executors.invariants.cluster import Contents
from executors.invariants.snapshot import snapshot
from workspaces.models import Cluster as Record

INVARIANTS = (*runs.INVARIANTS, *limits.INVARIANTS, *records.INVARIANTS)
_LEFT = ("nothing-is-left", "The cluster holds nothing of attempts that are over or unknown.")
_JOBS = ("open-attempts-have-jobs", "Every attempt that is under way has its Job.")
SECOND_LOOK_SECONDS = 2.0


def check_invariants(
    conf: Installation,
    *,
    with_cluster: bool = True,
    shared: bool = False,
    waiting_minutes: float = 5,
    recent_days: float = RECENT_DAYS,
) -> Iterator[Finding]:
    """Check each invariant and yield the findings in a fixed order.

    ``shared``: another site has Jobs in the namespace, so an unknown attempt is no error.
    """
    moment = Moment(now=timezone.now(), conf=conf, waiting_minutes=waiting_minutes, recent_days=recent_days)
    with snapshot():
        for invariant in INVARIANTS:
            yield _check(invariant.name, invariant.sentence, lambda invariant=invariant: invariant.find(moment))  # type: ignore[misc]
    yield from _check_cluster(conf, moment, shared=shared) if with_cluster else _skip_all("It was not asked for")


def _check(name: str, sentence: str, find: Callable[[], Iterable[Violation]]) -> Finding:
    begin = time.monotonic()
    violations = tuple(islice(find(), AT_MOST))
    return Finding(name, sentence, violations, seconds=time.monotonic() - begin)


def _skip_all(why: str) -> Iterator[Finding]:
    for name, sentence in (_LEFT, _JOBS):
        yield Finding(name, sentence, left_out=why)


def _check_cluster(conf: Installation, moment: Moment, *, shared: bool) -> Iterator[Finding]:
    if conf.api_url is None:
        yield from _skip_all("AzBuilderApiUrl is not set, so nothing of this site runs in a cluster")
        return
    for place in (place_of("", conf), *(place_of_record(record, conf) for record in Record.objects.to_reach())):
        yield from _check_place(place, replace(moment, conf=place.conf), shared=shared)


def _check_place(place: Place, moment: Moment, *, shared: bool) -> Iterator[Finding]:
    conf = place.conf
    try:
        api = place.connect()
        first = in_cluster.list_contents(api, conf.namespace, place.name)
        left = _check(*_LEFT, lambda: in_cluster.leftovers(moment, first, shared=shared))
        jobs = _check(*_JOBS, lambda: in_cluster.attempts_without_job(moment, first))
        if left.violations or jobs.violations:
            # Cluster and database cannot be read at the same moment; a real violation shows at a second look too.
            time.sleep(SECOND_LOOK_SECONDS)
            again = in_cluster.list_contents(api, conf.namespace, place.name)
            left = _confirm(left, lambda: in_cluster.leftovers(moment, again, shared=shared))
            jobs = _confirm(jobs, lambda: in_cluster.attempts_without_job(moment, again))
    except (ClusterError, DatabaseError) as error:
        yield from _skip_all(f"It could not be read: {error}")
        return
    yield _and_unseen(left, first)
    yield jobs


def _confirm(finding: Finding, find: Callable[[], Iterable[Violation]]) -> Finding:
    rows = {violation.row for violation in find()}
    kept = tuple(violation for violation in finding.violations if violation.row in rows)
    return Finding(finding.name, finding.sentence, kept, seconds=finding.seconds)


def _and_unseen(finding: Finding, contents: Contents) -> Finding:
    unseen = [f"{kind.lower()}s" for kind, objects in contents.objects.items() if objects is None]
    if not unseen:
        return finding
    sentence = f"{finding.sentence} (Not looked at, as this service account may not list them: {' and '.join(unseen)}.)"
    return Finding(finding.name, sentence, finding.violations, seconds=finding.seconds)
