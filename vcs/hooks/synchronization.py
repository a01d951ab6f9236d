"""Register, change and remove webhooks at a provider until they are those that the records ask for."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import Message, as_json, marked, message
from terrakube_site.outgoing import OutgoingError
from vcs.connections.leases import backoff, release_lease, take_lease
from vcs.connections.problems import ConnectionProblem, request_problem
from vcs.connections.tokens import api_for, repository_of
from vcs.hooks.wanted import Key, Wanted, wanted_hooks
from vcs.models import RepositoryHook
from vcs.providers import provider_of
from vcs.providers.base import ApiError, Hooks, HookSettings
from workspaces.models import Vcs, Webhook
from workspaces.services.webhooks import SYNCHRONIZE
from workspaces.task_queue.client import enqueue

logger = logging.getLogger(__name__)
LEASE = dt.timedelta(minutes=3)
"""Above the time limits of the requests of one webhook."""
_FIRST_BACKOFF, _LONGEST_BACKOFF = dt.timedelta(minutes=2), dt.timedelta(hours=12)


def synchronize_hooks(vcs_id: UUID) -> None:
    """Make the webhooks at a connection's provider those of its workspaces; safe to run twice, and side by side.

    Never call it inside a transaction. What the provider refuses is kept with its words, and tried again later.
    """
    vcs = Vcs.objects.select_related("organization").filter(pk=vcs_id).first()
    provider = provider_of(vcs) if vcs is not None else None
    if vcs is None or provider is None or provider.hooks is None:
        return
    wanted = wanted_hooks(vcs)
    while _bring_up_to_date(vcs, provider.hooks, wanted):
        # A change that came meanwhile may have found a webhook leased, and left it. It was stored before the lease
        # ended, so it is seen here.
        before, wanted = wanted, wanted_hooks(vcs)
        if wanted == before:
            return


def register_now(webhook: Webhook) -> str:
    """Register the webhook of one workspace at once; return why it is refused, "" if it is not.

    One without events or connection is not registered, and one that another process is at is left to that.
    """
    vcs = Vcs.objects.select_related("organization").filter(workspaces__webhook=webhook.pk).first()
    provider = provider_of(vcs) if vcs is not None else None
    if vcs is None or provider is None or provider.hooks is None:
        return ""
    before = wanted_hooks(vcs)
    problem = ""
    for key, found in before.items():
        if key[1] != webhook.pk:
            continue
        hook = RepositoryHook.objects.filter(vcs=vcs, repository_url=key[0], webhook_id=key[1]).first()
        hook = hook or _new(vcs, key, found)
        if hook is not None and not is_registered(hook, found):
            _leased(hook, vcs, provider.hooks, found)
            stored = RepositoryHook.objects.filter(pk=hook.pk).first()
            problem = problem or (stored.why if stored is not None and stored.problem else "")
    if wanted_hooks(vcs) != before:
        # The task of a change that came meanwhile may have found the webhook leased, and left it.
        enqueue(SYNCHRONIZE, str(vcs.pk))
    return problem


def is_registered(hook: RepositoryHook, wanted: Wanted) -> bool:
    """Return whether a webhook is at the provider as it must be."""
    return bool(hook.remote_hook_id) and hook.events == wanted.registered and hook.source == wanted.source


def register_again(hook: RepositoryHook) -> None:
    """Let a webhook be registered once more, as after it was deleted at the provider or refused."""
    RepositoryHook.objects.filter(pk=hook.pk).update(events=[], failed_tries=0, next_try_at=timezone.now())
    enqueue(SYNCHRONIZE, str(hook.vcs_id))


def due_connections(now: dt.datetime) -> list[UUID]:
    """Return the connections with a webhook whose next try is due."""
    due = RepositoryHook.objects.filter(next_try_at__lte=now).order_by().values_list("vcs", flat=True)
    return list(due.distinct()[:100])


def listening_connections() -> list[UUID]:
    """Return the connections of which a workspace has a webhook, or of which one is at the provider."""
    used = Webhook.objects.exclude(workspace__vcs=None).values("workspace__vcs")
    left = RepositoryHook.objects.values("vcs")
    return list(Vcs.objects.filter(Q(pk__in=used) | Q(pk__in=left)).values_list("pk", flat=True))


# ---- one webhook ----------------------------------------------------------------------------------------------------


def _bring_up_to_date(vcs: Vcs, hooks: Hooks, wanted: Mapping[Key, Wanted]) -> bool:
    """Remove what is not wanted any more and register the rest, but for what another process is at.

    Return False if the provider takes no more requests for now: the one that it refused names when all are tried again.
    """
    present = {(hook.repository_url, hook.webhook_id): hook for hook in RepositoryHook.objects.filter(vcs=vcs)}
    for key, hook in present.items():
        if key not in wanted and not _leased(hook, vcs, hooks, None):
            return False
    for key, found in wanted.items():
        hook = present.get(key) or _new(vcs, key, found)
        if hook is not None and not is_registered(hook, found) and not _leased(hook, vcs, hooks, found):
            return False
    return True


def _new(vcs: Vcs, key: Key, wanted: Wanted) -> RepositoryHook | None:
    """Store a webhook that is not registered yet; None while that of another repository must be removed before it."""
    address, webhook_id = key
    try:
        with transaction.atomic():
            return RepositoryHook.objects.create(
                vcs=vcs, repository_url=address, webhook_id=webhook_id, source=wanted.source
            )
    except IntegrityError:
        return RepositoryHook.objects.filter(vcs=vcs, repository_url=address, webhook_id=webhook_id).first()


def _leased(hook: RepositoryHook, vcs: Vcs, hooks: Hooks, wanted: Wanted | None) -> bool:
    """Bring one webhook to what is wanted, unless another process is at it; ``wanted`` None removes it.

    Return False if the provider takes no more requests for now.
    """
    lease = take_lease(hook, LEASE)
    if lease is None:
        return True
    hook.refresh_from_db()
    try:
        if wanted is None:
            _remove(hook, vcs, hooks)
        else:
            _register(hook, vcs, hooks, wanted)
    except (ApiError, OutgoingError, ConnectionProblem) as error:
        problem = _problem(error, hook, vcs, hooks, removing=wanted is None)
        _keep_problem(hook, problem.sentence, problem.retry_after)
        return problem.retry_after is None
    except Exception:
        logger.exception("The webhook of %s could not be brought up to date", hook)
        _keep_problem(hook, message(_("Processing failed; the site's log has the error.")))
    finally:
        release_lease(hook, lease)
    return True


def provider_title(vcs: Vcs) -> str:
    provider = provider_of(vcs)
    return provider.title if provider is not None else vcs.vcs_type


def _register(hook: RepositoryHook, vcs: Vcs, hooks: Hooks, wanted: Wanted) -> None:
    repository, api = repository_of(vcs, wanted.source), api_for(vcs, wanted.source)
    asked = HookSettings(
        url=settings.PUBLIC_URL + hook.path,
        secret=hook.secret,
        events=frozenset(wanted.events),
        comments=wanted.comments,
    )
    if hook.remote_hook_id:
        remote = hooks.update(api, repository, hook.remote_hook_id, asked)
    else:
        remote = hooks.register(api, repository, asked)
    RepositoryHook.objects.filter(pk=hook.pk).update(
        remote_hook_id=remote,
        source=wanted.source,
        events=wanted.registered,
        registered_at=timezone.now(),
        problem=None,
        failed_tries=0,
        next_try_at=None,
    )
    _tell_webhook(hook.webhook_id, remote)


def _tell_webhook(webhook_id: UUID | None, remote: str | None) -> None:
    """Keep the id at the provider on the workspace's webhook, where clients read it."""
    if webhook_id is not None:
        Webhook.objects.filter(pk=webhook_id).update(remote_hook_id=None if remote is None else remote[:220])


def _remove(hook: RepositoryHook, vcs: Vcs, hooks: Hooks) -> None:
    if hook.remote_hook_id:
        hooks.remove(api_for(vcs, hook.source), repository_of(vcs, hook.source), hook.remote_hook_id)
    RepositoryHook.objects.filter(pk=hook.pk).delete()
    _tell_webhook(hook.webhook_id, None)


def _keep_problem(hook: RepositoryHook, problem: Message, retry_after: int | None = None) -> None:
    tries = hook.failed_tries + 1
    wait = backoff(tries, first=_FIRST_BACKOFF, longest=_LONGEST_BACKOFF, retry_after=retry_after)
    RepositoryHook.objects.filter(pk=hook.pk).update(
        problem=as_json(problem), failed_tries=tries, next_try_at=timezone.now() + wait
    )


def _problem(
    error: ApiError | OutgoingError | ConnectionProblem,
    hook: RepositoryHook,
    vcs: Vcs,
    hooks: Hooks,
    *,
    removing: bool,
) -> ConnectionProblem:
    """Return why a webhook is not as it must be, with the provider's words and the permission that may be missing."""
    if isinstance(error, ConnectionProblem):
        return error
    repository = repository_of(vcs, hook.source)
    words = {"repository": repository.path, "provider": provider_title(vcs)}
    if isinstance(error, ApiError) and error.is_moved and removing:
        sentence = _("{repository} was renamed or moved. Remove its webhook to this site at {provider}.")
        return ConnectionProblem(message(sentence, **words))
    if not isinstance(error, ApiError) or error.is_moved or error.retry_after is not None:
        return request_problem(error, vcs, repository.path)
    sentence = _("{provider} refuses the webhook ({status}: {detail}).")
    if error.status == 403:
        sentence = _("{provider} refuses the webhook ({status}: {detail}). The connection needs {what}.")
    elif error.status == 404:
        # Most providers answer so too where the token may not know that there is something.
        sentence = _(
            "{provider} refuses the webhook ({status}: {detail}). The connection needs {what}, unless {repository} was "
            "renamed or deleted."
        )
    words |= {"status": str(error.status), "detail": error.detail or "–", "what": marked(hooks.PERMISSION)}
    return ConnectionProblem(message(sentence, **words))
