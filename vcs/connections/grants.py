"""Tokens that lie in the connection itself: renewed in time, one renewal at a time, a failed one tried again."""

from __future__ import annotations

import datetime as dt
import logging
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from terrakube_site.messages import Message, marked, message
from terrakube_site.outgoing import OutgoingError
from vcs.connections.leases import backoff, renewed_once
from vcs.connections.problems import (
    NOT_CONNECTED,
    ConnectionProblem,
    kept_problem,
    problem_columns,
    renewal_problem,
)
from vcs.providers import PROVIDERS
from vcs.providers.base import ApiError, Grant, SetupError
from workspaces.choices import VcsStatus
from workspaces.models import Vcs

logger = logging.getLogger(__name__)
LASTING = dt.timedelta(minutes=10)
"""How long a token must be valid to be handed out."""
YOUNG = dt.timedelta(minutes=1)
"""A token of this age is not renewed again: who was refused with it would be refused with the next."""
_FIRST_BACKOFF = dt.timedelta(minutes=1)
_LONGEST_BACKOFF = dt.timedelta(hours=1)


def redirect_uri_of(vcs: Vcs) -> str:
    """Return the callback's address, as the provider must know it."""
    return f"{settings.PUBLIC_URL}/callback/v1/vcs/{vcs.callback or vcs.pk}"


def connection_with_token(vcs: Vcs, *, lasting: dt.timedelta = LASTING, renew: bool = False) -> Vcs:
    """Return the connection as stored, with a token that is valid for ``lasting`` where it can be renewed.

    ``renew``: the provider refused the present token. Never call it inside a transaction. Raises ConnectionProblem.
    """
    found = renewed_once(
        Vcs.objects.get(pk=vcs.pk),
        enough=partial(_is_enough, lasting=lasting, renew=renew),
        usable=partial(_is_usable, renew=renew),
        renew=_renew,
    )
    if not found.access_token:
        raise ConnectionProblem(kept_problem(found) or message(NOT_CONNECTED, name=found.name))
    return found


def _is_enough(vcs: Vcs, *, lasting: dt.timedelta, renew: bool) -> bool:
    if not PROVIDERS[vcs.vcs_type].tokens.can_renew(vcs):
        return True
    now = timezone.now()
    if renew and (vcs.refreshed_at is None or vcs.refreshed_at < now - YOUNG):
        return False
    return bool(vcs.access_token) and (vcs.token_expiration is None or vcs.token_expiration > now + lasting)


def _is_usable(vcs: Vcs, *, renew: bool) -> bool:
    expired = vcs.token_expiration is not None and vcs.token_expiration <= timezone.now()
    return bool(vcs.access_token) and not expired and not renew


def is_postponed(vcs: Vcs) -> bool:
    """Return whether a failed renewal is not tried again yet; a person's change of the connection ends the wait."""
    changed = vcs.problem_at is not None and vcs.updated_date > vcs.problem_at
    return vcs.next_try_at is not None and vcs.next_try_at > timezone.now() and not changed


def _renew(vcs: Vcs, lease: dt.datetime) -> None:
    if is_postponed(vcs):
        raise ConnectionProblem(kept_problem(vcs) or message(NOT_CONNECTED, name=vcs.name), temporary=True)
    try:
        grant = PROVIDERS[vcs.vcs_type].tokens.renew(vcs, redirect_uri_of(vcs))
    except (ApiError, OutgoingError, SetupError) as error:
        problem = renewal_problem(error, vcs)
        store_failure(vcs, problem, lease=lease)
        raise problem from error
    store_grant(vcs, grant)


def store_grant(vcs: Vcs, grant: Grant) -> bool:
    """Keep a token; return False if another was stored since ``vcs`` was read.

    A provider that rotates refresh tokens has just ended the one that ``vcs`` has, so the new one is kept even where
    the lease has expired meanwhile.
    """
    with transaction.atomic():
        row = Vcs.objects.select_for_update(of=("self",)).get(pk=vcs.pk)
        if (row.refresh_token, row.access_token) != (vcs.refresh_token, vcs.access_token):
            return False
        Vcs.objects.filter(pk=vcs.pk).update(
            access_token=grant.access_token,
            refresh_token=grant.refresh_token or row.refresh_token,
            token_expiration=grant.expires_at,
            refreshed_at=timezone.now(),
            status=VcsStatus.COMPLETED,
            failed_tries=0,
            next_try_at=None,
            **problem_columns(None),
        )
    return True


def store_failure(vcs: Vcs, problem: ConnectionProblem, *, lease: dt.datetime) -> None:
    """Keep why a renewal failed and when it is tried again; nothing if the lease was lost meanwhile."""
    tries = vcs.failed_tries + 1
    wait = backoff(tries, first=_FIRST_BACKOFF, longest=_LONGEST_BACKOFF, retry_after=problem.retry_after)
    Vcs.objects.filter(pk=vcs.pk, lease_until=lease).update(
        status=VcsStatus.ERROR,
        failed_tries=tries,
        next_try_at=timezone.now() + wait,
        **problem_columns(problem.sentence),
    )
    logger.warning("The token of connection %s was not renewed: %s", vcs.pk, problem.sentence)


def note_problem(vcs: Vcs, problem: ConnectionProblem) -> None:
    """Show a problem on the connection's page; the connection is in error only if its credentials are lost."""
    status = {"status": VcsStatus.ERROR} if problem.lost else {}
    Vcs.objects.filter(pk=vcs.pk).update(**problem_columns(problem.sentence), **status)


def note_success(vcs: Vcs) -> None:
    """Forget a problem that is over."""
    if vcs.problem is not None or vcs.status != VcsStatus.COMPLETED:
        Vcs.objects.filter(pk=vcs.pk).update(
            status=VcsStatus.COMPLETED, failed_tries=0, next_try_at=None, **problem_columns(None)
        )


def shown_problem(vcs: Vcs) -> Message:
    """Return a connection's problem, empty for one that works."""
    return kept_problem(vcs) or marked("")
