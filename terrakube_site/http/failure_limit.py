"""Limit of failed authentications from one address within a minute."""

from __future__ import annotations

from django.core.cache import cache
from django.http import HttpRequest

from terrakube_site.http.client_address import network_of_client

FAILURES_ALLOWED = 30
WINDOW_SECONDS = 60


class FailureLimit:
    """The failures of one address in the last minute, counted in the cache; ``kind`` is what failed."""

    def __init__(self, request: HttpRequest, kind: str) -> None:
        self._key = f"{kind}-failures:{network_of_client(request)}"

    @property
    def is_reached(self) -> bool:
        return int(cache.get(self._key, 0)) >= FAILURES_ALLOWED

    def count(self) -> None:
        """Count one more failure."""
        cache.add(self._key, 0, WINDOW_SECONDS)
        try:
            cache.incr(self._key)
        except ValueError:
            # It expired between the two lines.
            cache.set(self._key, 1, WINDOW_SECONDS)
