"""Renew tokens before they end, also where no step needs them, so that a connection's trouble is seen early; forget
those that have ended.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from vcs.connections.grants import LASTING, connection_with_token
from vcs.connections.problems import ConnectionProblem
from vcs.models import InstallationToken
from vcs.providers import PROVIDERS
from workspaces.models import Vcs
from workspaces.task_queue.client import enqueue

AT_ONCE = 20
"""Maximum number of connections of one beat, each of which a task of its own renews."""


def queue_renewals() -> None:
    """Queue a task for each connection whose token ends soon and whose last failure is long enough ago."""
    now = timezone.now()
    due = Vcs.objects.filter(
        Q(next_try_at=None) | Q(next_try_at__lte=now),
        Q(lease_until=None) | Q(lease_until__lt=now),
        token_expiration__lt=now + LASTING,
        vcs_type__in=PROVIDERS,
    ).exclude(refresh_token="")
    for key in due.order_by("token_expiration").values_list("pk", flat=True)[:AT_ONCE]:
        enqueue("vcs.tasks.renew_connection", str(key))


def forget_expired() -> None:
    """Blank the tokens of Apps that have ended; nothing needs them any more."""
    InstallationToken.objects.filter(expires_at__lt=timezone.now()).exclude(token="").update(token="")


def renew_connection(vcs_id: UUID) -> None:
    """Renew a connection's token if it ends soon; a failure is kept in the connection."""
    vcs = Vcs.objects.filter(pk=vcs_id).first()
    if vcs is None:
        return
    try:
        connection_with_token(vcs)
    except ConnectionProblem:
        return
