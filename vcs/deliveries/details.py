"""What a delivery does not say of its event: which files are changed, and the whole hash of its commit."""

from __future__ import annotations

import logging
from dataclasses import replace

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import Message, message
from terrakube_site.outgoing import OutgoingError
from vcs.choices import EventKind
from vcs.connections.discovery import NO_ANSWER
from vcs.connections.problems import ConnectionProblem, request_problem
from vcs.connections.tokens import api_for, repository_of
from vcs.models import RepositoryHook
from vcs.providers import provider_of
from vcs.providers.base import Api, ApiError, Event, Provider, Repository, host_of
from vcs.providers.payloads import is_commit

logger = logging.getLogger(__name__)
NO_FILES = _("The changed files are unknown, so every path matches.")


def with_details(hook: RepositoryHook, event: Event) -> tuple[Event, Message | None]:
    """Return an event with what the provider says of it, and why its files are unknown; never call it inside a
    transaction.

    With unknown files every path matches: rather one plan too many than none. The commit is needed, so its errors are
    raised: ApiError, OutgoingError, ConnectionProblem.
    """
    provider = provider_of(hook.vcs)
    has_all = event.files is not None and is_commit(event.commit)
    if provider is None or has_all or event.kind not in {EventKind.PUSH, EventKind.PULL_REQUEST}:
        return event, None
    repository = repository_of(hook.vcs, hook.source)
    if event.pull_request is not None and provider.pull_requests is not None and not is_commit(event.commit):
        found = provider.pull_requests.get_pull_request(api_for(hook.vcs, hook.source), repository, event.pull_request)
        event = replace(event, commit=found.commit.lower())
    if event.files is not None:
        return event, None
    try:
        event = replace(event, files=_changed_files(provider, hook, repository, event))
    except (ApiError, OutgoingError, ConnectionProblem) as error:
        problem = request_problem(error, hook.vcs, repository.path).sentence
    except (AttributeError, KeyError, TypeError, ValueError):
        # It is none of the provider's answers.
        problem = message(NO_ANSWER, host=host_of(hook.vcs))
    else:
        return event, message(NO_FILES) if event.files is None else None
    logger.warning("The files that %s of %s changed are unknown: %s", event.commit, hook, problem)
    return event, problem + " " + message(NO_FILES)


def _changed_files(
    provider: Provider, hook: RepositoryHook, repository: Repository, event: Event
) -> frozenset[str] | None:
    def api() -> Api:
        return api_for(hook.vcs, hook.source)

    if event.pull_request is not None:
        requests = provider.pull_requests
        return None if requests is None else requests.changed_files(api(), repository, event.pull_request)
    # A branch that is new has no commit before this one.
    if provider.pushes is None or not is_commit(event.before) or not is_commit(event.commit):
        return None
    return provider.pushes.pushed_files(api(), repository, event.before.lower(), event.commit)
