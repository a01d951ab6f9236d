"""What a delivery does not say of its event: which files a pull request changes, and the whole hash of its commit."""

from __future__ import annotations

import logging
from dataclasses import replace

from terrakube_site.outgoing import OutgoingError
from vcs.choices import EventKind
from vcs.connections.problems import ConnectionProblem
from vcs.connections.tokens import api_for, repository_of
from vcs.models import RepositoryHook
from vcs.providers import provider_of
from vcs.providers.base import ApiError, Event
from vcs.providers.payloads import is_commit

logger = logging.getLogger(__name__)


def with_details(hook: RepositoryHook, event: Event) -> Event:
    """Return an event with what the provider says of it; never call it inside a transaction.

    Files stay unknown where it does not say them, so that every path matches: rather one plan too many than none. The
    commit is needed, so its errors are raised: ApiError, OutgoingError, ConnectionProblem.
    """
    provider = provider_of(hook.vcs)
    requests = provider.pull_requests if provider is not None else None
    if event.kind != EventKind.PULL_REQUEST or event.pull_request is None or requests is None:
        return event
    number, repository = event.pull_request, repository_of(hook.vcs, hook.source)
    if not is_commit(event.commit):
        found = requests.get_pull_request(api_for(hook.vcs, hook.source), repository, number)
        event = replace(event, commit=found.commit.lower())
    try:
        if event.files is None:
            event = replace(event, files=requests.changed_files(api_for(hook.vcs, hook.source), repository, number))
    except (ApiError, OutgoingError, ConnectionProblem) as error:
        logger.warning("The files of pull request %s of %s are unknown: %s", number, hook, error)
    return event
