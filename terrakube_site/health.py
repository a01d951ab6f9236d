"""Whether the site works, as Kubernetes and load balancers ask: no token, and no more said than which part fails."""

from __future__ import annotations

import logging

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from executors import beats

logger = logging.getLogger(__name__)


def _trouble() -> dict[str, str]:
    """What doesn't work: the part and a sentence. Asks the database once for each background process."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
        found = {}
        if beats.is_stale(beats.WATCHER):
            found["watcher"] = f"The watcher has shown no sign of life for {beats.STALE_SECONDS} s"
        if beats.is_stale(beats.WORKER):
            found["queue"] = f"No task was worked on for {beats.STALE_SECONDS} s"
    except DatabaseError:
        logger.exception("The database does not answer")
        return {"database": "The database does not answer"}
    return found


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """That the process answers; what there is to ask beside it."""
    return JsonResponse({"status": "UP", "groups": ["liveness", "readiness"]})


@never_cache
@require_safe
def liveness(request: HttpRequest) -> JsonResponse:
    """That this process answers, which nothing but its restart would mend."""
    return JsonResponse({"status": "UP"})


@never_cache
@require_safe
def readiness(request: HttpRequest) -> JsonResponse:
    """Whether what is asked for will be done: database, queue and watcher."""
    trouble = _trouble()
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
