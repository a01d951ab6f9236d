"""Deliveries: sent one after the other in the background, as a provider does, and kept with what they were answered."""

from __future__ import annotations

import http.client
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.patience import patient

_SECONDS = 10


@dataclass(eq=False)
class Delivery:
    """One request to a hook. ``status`` is 0 until it was answered, and -1 when nobody answered."""

    url: str
    event: str
    action: str
    headers: dict[str, str]
    body: bytes = field(repr=False)
    status: int = 0
    answer: bytes = field(default=b"", repr=False)


type Sender = Callable[[Delivery], tuple[int, bytes]]


def send_over_http(delivery: Delivery) -> tuple[int, bytes]:
    """Post a delivery and return status and body of the answer; redirects are not followed, as providers do not."""
    request = urllib.request.Request(delivery.url, delivery.body, delivery.headers, method="POST")  # noqa: S310
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=patient(_SECONDS)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except (OSError, http.client.HTTPException):
        return -1, b""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object, **options: object) -> None:
        """Follow no redirect: it is the answer."""


class Deliveries:
    """What was sent, in order; ``send`` may be replaced, as by a test that has no server."""

    def __init__(self) -> None:
        self.all: list[Delivery] = []
        self.send: Sender = send_over_http
        self._queue: queue.Queue[Delivery | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self, delivery: Delivery) -> None:
        """Send it when those before it were answered."""
        self.all.append(delivery)
        self._queue.put(delivery)

    def settle(self) -> None:
        """Wait until all that was put was answered."""
        self._queue.join()

    def of(self, event: str, action: str = "") -> list[Delivery]:
        """Return the deliveries of an event, oldest first."""
        return [one for one in self.all if one.event == event and (not action or one.action == action)]

    def stop(self) -> None:
        """End the thread that sends."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (delivery := self._queue.get()) is not None:
            try:
                delivery.status, delivery.answer = self.send(delivery)
            finally:
                self._queue.task_done()
        self._queue.task_done()
