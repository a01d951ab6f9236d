"""Health endpoints for Kubernetes and load balancers: no token, and only the failing part is named."""

from __future__ import annotations

import logging

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from executors.health import heartbeats

logger = logging.getLogger(__name__)


def _failing_parts() -> dict[str, str]:
    """Return the failing parts with a sentence each. Queries the database once per background process."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
        found = {}
        if heartbeats.is_stale(heartbeats.WATCHER):
            found["watcher"] = f"The watcher has shown no sign of life for {heartbeats.STALE_SECONDS} s"
        silent = heartbeats.queue_silent_since()
        if silent is not None:
            found["queue"] = f"The queue has taken no tasks since {silent:%Y-%m-%d %H:%M:%S} UTC"
        elif heartbeats.is_stale(heartbeats.WORKER):
            found["queue"] = f"No task was worked on for {heartbeats.STALE_SECONDS} s"
    except DatabaseError:
        logger.exception("The database does not answer")
        return {"database": "The database does not answer"}
    return found


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Answer that the process is up, with links to the other checks."""
    return JsonResponse({"status": "UP", "groups": ["liveness", "readiness"]})


@never_cache
@require_safe
def liveness(request: HttpRequest) -> JsonResponse:
    """Answer that this process responds; only a restart would fix it if not."""
    return JsonResponse({"status": "UP"})


@never_cache
@require_safe
def readiness(request: HttpRequest) -> JsonResponse:
    """Answer whether requests will be served: checks database, queue and watcher."""
    trouble = _failing_parts()
    if not trouble:
        return JsonResponse({"status": "UP"})
    components = {name: {"status": "DOWN", "details": {"reason": reason}} for name, reason in trouble.items()}
    return JsonResponse({"status": "OUT_OF_SERVICE", "components": components}, status=503)


app_name = "health"
urlpatterns = [
    path("actuator/health", health, name="health"),
    path("actuator/health/liveness", liveness, name="liveness"),
    path("actuator/health/readiness", readiness, name="readiness"),
]
