"""A warm pod's wait for an attempt; meanwhile it loads what a step needs."""

from __future__ import annotations

import base64
import importlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from . import VERSION
from .api import Api
from .errors import ApiRefused, ApiUnavailable, AttemptOver, ClaimRefused

#: The API answers within a few seconds, with an attempt or without.
_CALL_SECONDS = 15.0
#: A longer outage of the API ends the pod: the pool would not use it any more.
_AWAY_SECONDS = 60.0
_PAUSE_SECONDS = 0.5
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Assignment:
    """The attempt that a warm pod got: the address to claim it at, and its one-time token."""

    attempt_url: str
    attempt_token: str = field(repr=False)


def wait_for_attempt(api: Api, *, pause: Callable[[float], object]) -> Assignment:
    """Wait until the API has an attempt for this pod.

    `pause` is called again and again meanwhile, and raises Stopped when the pod is to end. Raises ClaimRefused if the
    pod is not needed any more, and ApiUnavailable if the API is away for too long.
    """
    importlib.import_module(".session", __package__)
    future: Future[Assignment] = Future()
    # The call blocks; the main thread stays free to end at once.
    threading.Thread(target=_resolve, args=(future, api), name="wait", daemon=True).start()
    while True:
        try:
            return future.result(_LOOK_SECONDS)
        except TimeoutError:
            pause(0)


def _resolve(future: Future[Assignment], api: Api) -> None:
    try:
        future.set_result(_ask_until_assigned(api))
    except Exception as error:
        future.set_exception(error)


def _ask_until_assigned(api: Api) -> Assignment:
    session = base64.urlsafe_b64encode(os.urandom(33)).decode()
    content = {"session": session, "host": os.uname().nodename, "agent": {"version": VERSION}}
    away_since: float | None = None
    while True:
        try:
            answer = api.post_json("/wait", content, timeout=_CALL_SECONDS).json()
        except (AttemptOver, ApiRefused) as refusal:
            raise ClaimRefused(str(refusal)) from None
        except ApiUnavailable:
            now = time.monotonic()
            away_since = away_since or now
            if now - away_since > _AWAY_SECONDS:
                raise
            time.sleep(_PAUSE_SECONDS)
            continue
        away_since = None
        url, token = answer.get("attemptUrl"), answer.get("attemptToken")
        if isinstance(url, str) and isinstance(token, str):
            return Assignment(url, token)
