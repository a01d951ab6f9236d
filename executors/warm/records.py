"""The records of warm pods: the only code that writes them.

A pod is opened, waits, is taken by one attempt, and handed over to it once its labels are set. Every move is one
conditional UPDATE, so two workers cannot take the same pod, and none is taken that is being removed.
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from executors.attempts import tokens
from executors.choices import AttemptState, WarmState
from executors.models import Attempt, WarmPod
from terrakube_site.database.notify import notify

NAME_PREFIX = "warm-"
CHANNEL = "terrakube_warm_pods"
"""Notified when a pod may have its attempt."""
SEEN_SECONDS = 8
"""A pod that was seen waiting longer ago than this may be gone, and is not taken."""
SILENT_SECONDS = 30
"""A pod that was seen waiting longer ago than this is removed."""


def new_pod(*, shape: str, namespace: str) -> WarmPod:
    """Return a warm pod that is about to be created; it is not saved."""
    pod = WarmPod(shape=shape, namespace=namespace, created_at=timezone.now())
    pod.job_name = f"{NAME_PREFIX}{pod.pk.hex[:20]}"
    return pod


def waiting_token(pod: WarmPod) -> str:
    """Return the token with which a warm pod may wait, and nothing else."""
    return tokens.derived_token(pod, tokens.WAIT)


def is_waiting_token(pod: WarmPod, text: str) -> bool:
    """Return True if a text is the token of a warm pod, also of one that was created under an older secret."""
    return tokens.is_derived_token(pod, tokens.WAIT, text)


def note_waiting(pod: WarmPod, *, session_hash: str, pod_name: str) -> bool:
    """Note that the executor of a warm pod waits; return False if another session waits for it.

    The first session wins: whoever reads the pod's token later can do nothing with it.
    """
    now = timezone.now()
    if WarmPod.objects.filter(pk=pod.pk, state=WarmState.STARTING).update(
        state=WarmState.WAITING, session_hash=session_hash, pod_name=pod_name, waiting_since=now, seen_at=now
    ):
        pod.state, pod.session_hash, pod.pod_name = WarmState.WAITING, session_hash, pod_name
        return True
    pod.refresh_from_db()
    if pod.state == WarmState.WAITING:
        note_seen([pod.pk])
    return hmac.compare_digest(pod.session_hash.encode(), session_hash.encode())


def note_seen(pod_ids: Iterable[UUID]) -> None:
    """Note that executors still wait."""
    WarmPod.objects.filter(pk__in=list(pod_ids), state=WarmState.WAITING).update(seen_at=timezone.now())


def waiting_pods(shape: str) -> QuerySet[WarmPod]:
    """Return the warm pods of a shape that a step would get now, the one that has waited longest first."""
    fresh = timezone.now() - dt.timedelta(seconds=SEEN_SECONDS)
    waiting = WarmPod.objects.filter(state=WarmState.WAITING, shape=shape, seen_at__gt=fresh)
    return waiting.order_by("created_at")


def take_pod(attempt: Attempt, shape: str) -> WarmPod | None:
    """Give an attempt the warm pod of a shape that has waited longest; None if there is none."""
    for pod in waiting_pods(shape)[:5]:
        if WarmPod.objects.filter(pk=pod.pk, state=WarmState.WAITING).update(state=WarmState.TAKEN, attempt=attempt):
            pod.state, pod.attempt = WarmState.TAKEN, attempt
            return pod
    return None


def pod_of(attempt: Attempt) -> WarmPod | None:
    """Return the warm pod that an attempt has taken and may still get, None if there is none."""
    return WarmPod.objects.filter(attempt=attempt, state__in=(WarmState.TAKEN, WarmState.HANDED_OVER)).first()


def hand_over(pod: WarmPod) -> None:
    """Let a taken pod have its attempt: its executor learns of it at once."""
    if WarmPod.objects.filter(pk=pod.pk, state=WarmState.TAKEN).update(state=WarmState.HANDED_OVER):
        pod.state = WarmState.HANDED_OVER
        notify(CHANNEL)


def end_pods(pods: QuerySet[WarmPod]) -> int:
    """End warm pods that no attempt has taken, so that they can be removed; return their number."""
    return pods.filter(state__in=(WarmState.STARTING, WarmState.WAITING)).update(state=WarmState.OVER)


def give_up(pod: WarmPod) -> None:
    """End a taken pod that cannot be handed over; its attempt starts another way."""
    WarmPod.objects.filter(pk=pod.pk, state=WarmState.TAKEN).update(state=WarmState.OVER, attempt=None)


def end_unused(*, start_seconds: int, wait_seconds: int) -> int:
    """End warm pods that did not start, waited too long or fell silent, and those whose attempt is over or begun."""
    now = timezone.now()

    def before(seconds: int) -> dt.datetime:
        return now - dt.timedelta(seconds=seconds)

    stale = Q(state=WarmState.STARTING, created_at__lt=before(start_seconds)) | Q(
        state=WarmState.WAITING, created_at__lt=before(wait_seconds)
    )
    silent = Q(state=WarmState.WAITING, seen_at__lt=before(SILENT_SECONDS))
    ended = end_pods(WarmPod.objects.filter(stale | silent))
    # From its claim on, a pod is its attempt's; of a taken one without an attempt, the job was deleted.
    WarmPod.objects.filter(state=WarmState.HANDED_OVER).filter(
        Q(attempt=None) | Q(attempt__claimed_at__isnull=False) | Q(attempt__state=AttemptState.ENDED)
    ).delete()
    return ended + WarmPod.objects.filter(state=WarmState.TAKEN).filter(
        Q(attempt=None) | Q(attempt__state=AttemptState.ENDED)
    ).update(state=WarmState.OVER)
