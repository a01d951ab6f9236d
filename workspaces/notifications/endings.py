"""Tell of tokens and connections that are about to end, once for each end."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from workspaces.choices import NotificationEvent, VcsType
from workspaces.models import AccessToken, NotificationTrigger, Organization, Team, Vcs
from workspaces.notifications.outbox import note_event

AHEAD = dt.timedelta(days=7)
_AT_ONCE = 200
E = NotificationEvent


def note_endings(now: dt.datetime) -> None:
    """Tell of the team tokens and connections that end soon, in organizations that ask for it."""
    _note_tokens(now)
    _note_connections(now)


def _asks(event: NotificationEvent) -> Exists:
    """Match the rows whose organization asks for an event; they have it in ``organization``."""
    asked = NotificationTrigger.objects.filter(
        job_status=event,
        configuration__active=True,
        configuration__workspace=None,
        configuration__organization=OuterRef("organization"),
    )
    return Exists(asked)


def _note_tokens(now: dt.datetime) -> None:
    teams = Team.objects.filter(_asks(E.TOKEN_ENDING), organization__disabled=False).select_related("organization")
    organizations: dict[str, list[Organization]] = defaultdict(list)
    for team in teams:
        organizations[team.name].append(team.organization)
    if not organizations:
        return
    tokens = AccessToken.objects.filter(
        deleted=False, team__in=list(organizations), expires_at__gt=now, expires_at__lt=now + AHEAD
    )
    for token in tokens.order_by("expires_at")[:_AT_ONCE]:
        if token.expires_at is None:
            continue
        named = f"“{token.description}” " if token.description else ""
        ends = f"{token.expires_at:%Y-%m-%d} at {token.expires_at:%H:%M} UTC"
        for organization in organizations[token.team]:
            with transaction.atomic():
                note_event(
                    E.TOKEN_ENDING,
                    organization=organization,
                    subject=f"The token {named}of the team {token.team}",
                    reason=f"It ends on {ends}. Create another one and put it where this one is used.",
                    key=f"token:{token.pk}",
                    path=reverse("admin:workspaces_accesstoken_changelist"),
                )


def _note_connections(now: dt.datetime) -> None:
    # A managed identity asks for the next token with its own secret, each hour.
    cannot_renew = Q(refresh_token="") & ~Q(vcs_type=VcsType.AZURE_SP_MI)
    ends = Q(token_expiration__gt=now, token_expiration__lt=now + AHEAD) & cannot_renew
    asked = Vcs.objects.filter(_asks(E.CONNECTION_ENDING), organization__disabled=False)
    found = asked.filter(ends | Q(problem_at__isnull=False)).select_related("organization")
    for vcs in found.order_by("pk")[:_AT_ONCE]:
        if vcs.problem_at is not None:
            reason = f"It has had a problem since {vcs.problem_at:%Y-%m-%d %H:%M} UTC. Its page says what to do."
            key = f"problem:{vcs.pk}:{vcs.problem_at:%Y%m%d%H%M%S}"
        else:
            reason = f"Its token ends on {vcs.token_expiration:%Y-%m-%d} and cannot be renewed. Enter a new one."
            key = f"connection:{vcs.pk}:{vcs.token_expiration:%Y%m%d}"
        with transaction.atomic():
            note_event(
                E.CONNECTION_ENDING,
                organization=vcs.organization,
                subject=f"The connection “{vcs.name}”",
                reason=reason,
                key=key,
                path=reverse("admin:workspaces_vcs_change", args=[vcs.pk]),
            )
