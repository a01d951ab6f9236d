"""The endpoint at which a warm pod waits for an attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from executors.attempts import tokens
from executors.choices import WarmState
from executors.installation.settings import installation
from executors.models import WarmPod
from executors.reporting.authority import bearer_token, looks_like_token
from executors.reporting.bodies import MAX_JSON_BYTES, read_json, read_optional, read_session
from executors.warm import records
from executors.warm.waiting_room import waiting_room
from terrakube_site.http.body_doors import Door
from terrakube_site.http.error_response import error_response
from workspaces.errors import InvalidInput

HOLD_SECONDS = 5.0
"""Time until a pod that still waits is answered and asks again; a pod on a dead node is noticed after that."""


def _unauthorized() -> HttpResponse:
    # An unknown pod and a wrong token get the same answer, so that ids cannot be probed.
    return error_response("This is not the token of this pod.", 401, code="unauthorized")


def _over() -> HttpResponse:
    return error_response("This pod is not needed any more.", 410, code="pod-over")


def _find(request: HttpRequest, pod_id: UUID) -> WarmPod | None:
    token = bearer_token(request)
    if not looks_like_token(token):
        return None
    pod = WarmPod.objects.select_related("attempt").filter(pk=pod_id).first()
    return pod if pod is not None and records.is_waiting_token(pod, token) else None


def _admit(request: HttpRequest, arguments: Mapping[str, Any]) -> HttpResponse | None:
    return _unauthorized() if _find(request, arguments["pod_id"]) is None else None


@dataclass(frozen=True, slots=True)
class _Caller:
    session_hash: str
    pod_name: str


def _read_caller(request: HttpRequest, pod: WarmPod) -> _Caller:
    body = read_json(request)
    session, host = read_session(body), read_optional(body, "host", str)
    # The cluster names a Job's pod after the Job: no other pod can be put in this one's place.
    if host is None or not host.startswith(f"{pod.job_name}-"):
        raise InvalidInput(f"host must be the name of a pod of the Job {pod.job_name}.")
    return _Caller(tokens.session_hash(session), host)


def _arrive(request: HttpRequest, pod_id: UUID) -> HttpResponse | None:
    """Note that a pod waits; return None if it has to wait on, else the answer."""
    pod = _find(request, pod_id)
    if pod is None:
        return _unauthorized()
    try:
        caller = _read_caller(request, pod)
    except InvalidInput as error:
        return error_response(error.message, 400, code=error.code)
    if pod.state == WarmState.OVER:
        return _over()
    if not records.note_waiting(pod, session_hash=caller.session_hash, pod_name=caller.pod_name):
        return error_response("Another executor waits for this pod.", 409, code="taken")
    return _answer(pod_id)


def _answer(pod_id: UUID) -> HttpResponse | None:
    """Return what a pod that waits is told now; None if it has to wait on."""
    pod = WarmPod.objects.select_related("attempt").filter(pk=pod_id).first()
    if pod is None or pod.state == WarmState.OVER:
        return _over()
    if pod.state != WarmState.HANDED_OVER or pod.attempt is None:
        return None
    address = f"{installation().api_url}/executor/v1/attempts/{pod.attempt.pk}"
    return JsonResponse({"attemptUrl": address, "attemptToken": tokens.claim_token(pod.attempt)})


@csrf_exempt
async def wait(request: HttpRequest, pod_id: UUID) -> HttpResponse:
    """``POST …/warm-pods/P/wait``: the attempt that the pod runs; an empty object if there is none yet."""
    if request.method != "POST":
        return error_response("Allowed here: POST.", 405)
    answer = await sync_to_async(_arrive)(request, pod_id)
    if answer is not None:
        return answer
    async with waiting_room().entered(pod_id) as called:
        if await _is_set(called):
            answer = await sync_to_async(_answer)(pod_id)
    return answer or JsonResponse({})


async def _is_set(called: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(called.wait(), HOLD_SECONDS)
    except TimeoutError:
        return False
    return True


wait.door = Door(limit=MAX_JSON_BYTES, admit=_admit)  # type: ignore[attr-defined]
