"""Attempts by the organization of their job, whose key stands on each, so that a list counts them in one index."""

from __future__ import annotations

from django.db.models import OuterRef, QuerySet, Subquery

from executors.models import Attempt
from workspaces.models import Step
from workspaces.querysets import Scope, may_have_keys

_AT_ONCE = 2_000


def within(attempts: QuerySet[Attempt], scope: Scope) -> QuerySet[Attempt]:
    """Return those attempts of which somebody with this evaluated scope sees the job; the database may be asked."""
    if scope.everything:
        return attempts
    if not may_have_keys(scope.workspaces) and not _without_key().exists():
        # To join hundreds of thousands with their steps and jobs takes a tenth of a second.
        return attempts.filter(organization_key__in=scope.organizations)
    return attempts.filter(step__in=Step.objects.within(scope).values("pk"))


def fill_keys() -> bool:
    """Give attempts their key that an earlier version made without one; return True if there may be more of them."""
    some = _without_key().values("pk")[:_AT_ONCE]
    job = Step.objects.filter(pk=OuterRef("step_id"))
    key = Subquery(job.values("job__organization"))
    return Attempt.objects.filter(pk__in=some).update(organization_key=key) == _AT_ONCE


def _without_key() -> QuerySet[Attempt]:
    return Attempt.objects.filter(organization_key=None)
