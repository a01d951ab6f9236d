"""What providers call: a delivery is checked, stored and answered; a task handles it."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Mapping
from typing import TypeGuard
from uuid import UUID

import orjson
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from terrakube_site.http.body_doors import Door
from terrakube_site.http.error_response import error_response
from vcs.deliveries.limits import refuse_failures, refuse_too_many
from vcs.models import Delivery, RepositoryHook
from vcs.providers import provider_of
from vcs.providers.base import Provider
from workspaces.task_queue.client import enqueue

logger = logging.getLogger(__name__)
MAX_BYTES = 5 * 2**20
HANDLE = "vcs.tasks.handle_delivery"
_KEPT_HEADERS = frozenset(
    {
        "user-agent",
        *("x-github-event", "x-github-delivery", "x-github-hook-id"),
        *("x-gitea-event", "x-gitea-event-type", "x-gitea-delivery", "x-forgejo-event", "x-forgejo-delivery"),
        *("x-gitlab-event", "x-gitlab-event-uuid", "idempotency-key"),
        *("x-event-key", "x-request-uuid", "x-request-id", "x-hook-uuid", "x-attempt-number"),
    }
)
"""All others may hold secrets."""
_LONGEST_ID, _LONGEST_HEADER = 128, 256
_UNKNOWN = "The webhook is unknown, or the signature is wrong."
_STAND_IN = b"0" * 43
"""The secret that is compared for an unknown webhook, so that its answer takes as long."""


@csrf_exempt
@require_POST
def receive_v2(request: HttpRequest, hook_id: str) -> HttpResponse:
    """Take a delivery of a shared webhook; an unknown one and a wrong signature have the same answer."""
    body = request.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        return _too_large()
    hook = _shared(hook_id)
    if not _is_signed(hook, request, body):
        return refuse_failures(request, hook) or error_response(_UNKNOWN, 401)
    return _store(hook, request, body)


@csrf_exempt
@require_POST
def receive_v1(request: HttpRequest, webhook_id: str) -> HttpResponse:
    """Take a delivery of a workspace's own webhook.

    As in Terrakube the answer is 200 also where nothing is done, for an unknown webhook and a wrong signature alike.
    """
    body = request.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        return _too_large()
    hook = _own(webhook_id)
    if not _is_signed(hook, request, body):
        return refuse_failures(request, hook) or HttpResponse(status=200)
    return _store(hook, request, body)


def _admit(request: HttpRequest, arguments: Mapping[str, object]) -> HttpResponse | None:
    """Admit who names a webhook; the signature is over the body, which is not read yet."""
    hook = _shared(str(arguments["hook_id"])) if "hook_id" in arguments else _own(str(arguments["webhook_id"]))
    return None if hook is not None else refuse_failures(request, None) or error_response(_UNKNOWN, 401)


receive_v1.door = receive_v2.door = Door(limit=MAX_BYTES, admit=_admit)  # type: ignore[attr-defined]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _shared(text: str) -> RepositoryHook | None:
    """Return the shared webhook with an id; None for an unknown one and for what is no id."""
    key = _uuid(text)
    return None if key is None else _hooks().filter(pk=key, webhook_id=None).first()


def _own(text: str) -> RepositoryHook | None:
    """Return the webhook at the provider of a workspace's own webhook."""
    key = _uuid(text)
    return None if key is None else _hooks().filter(webhook_id=key).first()


def _hooks() -> QuerySet[RepositoryHook]:
    return RepositoryHook.objects.select_related("vcs")


def _headers(request: HttpRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _provider(hook: RepositoryHook) -> Provider | None:
    return provider_of(hook.vcs)


def _is_signed(hook: RepositoryHook | None, request: HttpRequest, body: bytes) -> TypeGuard[RepositoryHook]:
    """Return whether a delivery is of a known webhook and signed with its secret."""
    if hook is None:
        # An answer for an unknown webhook takes as long.
        hmac.new(_STAND_IN, body, "sha256").hexdigest()
        return False
    provider = _provider(hook)
    if provider is None or provider.signature is None:
        return False
    return provider.signature.is_signed(_headers(request), body, hook.secret)


def _too_large() -> HttpResponse:
    return error_response(f"The body is larger than {MAX_BYTES // 2**20} MiB.", 413)


def _store(hook: RepositoryHook, request: HttpRequest, body: bytes) -> HttpResponse:
    """Store a delivery and queue its handling; one that was stored before changes nothing, nor does one too many."""
    refused = refuse_too_many(hook, len(body))
    if refused is not None:
        return refused
    headers = _headers(request)
    kept = {name: value[:_LONGEST_HEADER] for name, value in headers.items() if name in _KEPT_HEADERS}
    try:
        with transaction.atomic():
            delivery = Delivery.objects.create(
                hook=hook,
                delivery_id=_delivery_id(hook, headers, body),
                headers=kept,
                payload=body,
                next_try_at=timezone.now(),
            )
            enqueue(HANDLE, delivery.pk)
    except IntegrityError:
        logger.info("A delivery of %s came again and is not handled twice", hook)
        return HttpResponse("This delivery was received before.\n", status=200, content_type="text/plain")
    return HttpResponse(f"Delivery {delivery.pk}\n", status=202, content_type="text/plain")


def _delivery_id(hook: RepositoryHook, headers: Mapping[str, str], body: bytes) -> str:
    """Return the id by which a repeated delivery is known: the provider's, else one of the body."""
    provider = _provider(hook)
    found = provider.signature.delivery_id(headers) if provider is not None and provider.signature is not None else ""
    if not found:
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError:
            data = None
        found = data["id"] if isinstance(data, dict) and isinstance(data.get("id"), str) else ""
    if not found or len(found) > _LONGEST_ID or "\0" in found:
        found = f"sha256:{hashlib.sha256(body).hexdigest()}"
    return found
