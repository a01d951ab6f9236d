"""Why a connection has no token, or a provider refuses it: one sentence that says what to do."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import Message, as_json, from_json, marked, message
from terrakube_site.outgoing import NoAnswer, OutgoingError
from vcs.providers.base import ApiError, Repository, SetupError, host_of
from workspaces.models import Vcs

NOT_CONNECTED = _("The connection “{name}” has no token. Connect it, or enter a token, on its page.")
REFUSED = _("{host} does not accept the token ({detail}). Connect again, or enter another token.")
MOVED = _("{repository} was renamed or moved. Enter its new address in the workspace.")
_REFUSES = _("{host} refuses the request ({status}: {detail}).")
BUSY = _("Another process renews the token of the connection “{name}”. Try again in a minute.")


class ConnectionProblem(Exception):
    """A connection gives no token; ``sentence`` says why and holds no secret.

    ``temporary``: it may work in a moment without a person. ``retry_after`` is in seconds; None: the provider named
    none. ``lost``: the provider knows the connection's credentials no more.
    """

    def __init__(
        self, sentence: Message, *, temporary: bool = False, retry_after: int | None = None, lost: bool = False
    ) -> None:
        super().__init__(sentence)
        self.sentence, self.temporary, self.retry_after, self.lost = sentence, temporary, retry_after, lost


def kept_problem(vcs: Vcs) -> Message | None:
    """Return the problem that a connection keeps; None for one that works."""
    return None if vcs.problem is None else marked(from_json(vcs.problem))


def problem_columns(sentence: Message | None) -> dict[str, Any]:
    """Return the values of a connection's columns for a problem, or for none."""
    return {
        "problem": None if sentence is None else as_json(sentence),
        "problem_at": None if sentence is None else timezone.now(),
    }


def general_problem(error: ApiError | OutgoingError | SetupError, vcs: Vcs) -> ConnectionProblem | None:
    """Return what any request may meet; None for a refusal whose sense depends on what was asked."""
    if isinstance(error, SetupError):
        return ConnectionProblem(marked(error.message))
    if isinstance(error, OutgoingError):
        sentence = message(_("The provider cannot be reached: {error}"), error=str(error))
        return ConnectionProblem(sentence, temporary=isinstance(error, NoAnswer))
    words = {"host": host_of(vcs), "status": error.status, "detail": error.detail or "–"}
    if error.retry_after is not None:
        until = timezone.now() + dt.timedelta(seconds=error.retry_after)
        sentence = message(
            _("{host} accepts no more requests until {time} UTC ({status}: {detail})."),
            **words,
            time=f"{until.astimezone(dt.UTC):%H:%M:%S}",
        )
        return ConnectionProblem(sentence, temporary=True, retry_after=error.retry_after)
    if error.status >= 500:
        return ConnectionProblem(
            message(_("{host} reports an internal error ({status}: {detail})."), **words), temporary=True
        )
    return None


def renewal_problem(error: ApiError | OutgoingError | SetupError, vcs: Vcs) -> ConnectionProblem:
    """Return why a token could not be renewed or exchanged."""
    found = general_problem(error, vcs)
    if found is not None or not isinstance(error, ApiError):
        return found or ConnectionProblem(marked(str(error)))
    sentence = message(
        _("{host} refuses a new token ({status}: {detail}). Check client ID and client secret, and connect again."),
        host=host_of(vcs),
        status=error.status,
        detail=error.detail or "–",
    )
    return ConnectionProblem(sentence, lost=True)


def app_problem(error: ApiError | OutgoingError | SetupError, vcs: Vcs, repository: Repository) -> ConnectionProblem:
    """Return why a GitHub App gives no token for a repository."""
    found = general_problem(error, vcs)
    if found is not None or not isinstance(error, ApiError):
        return found or ConnectionProblem(marked(str(error)))
    words = {
        "host": host_of(vcs),
        "status": error.status,
        "detail": error.detail or "–",
        "repository": repository.path,
        "owner": repository.owner,
    }
    if error.status == 401:
        sentence = message(
            _("{host} does not accept the App's login ({detail}). Check client ID and private key."), **words
        )
        return ConnectionProblem(sentence, lost=True)
    if error.status == 404:
        return ConnectionProblem(
            message(
                _("The App is not installed for {repository}. Install it on {owner} with access to the repository."),
                **words,
            )
        )
    if error.is_moved:
        return moved_problem(repository.path)
    if error.status == 422:
        return ConnectionProblem(
            message(
                _(
                    "The App's installation on {owner} may not read {repository} ({detail})."
                    " It needs the permission Contents: read, and access to the repository."
                ),
                **words,
            )
        )
    return ConnectionProblem(message(_("{host} refuses a token for {repository} ({status}: {detail})."), **words))


def limit_problem(vcs: Vcs, until: dt.datetime) -> ConnectionProblem:
    """Return that a connection's provider takes no more requests before a moment in the future."""
    words = {"host": host_of(vcs), "time": f"{until.astimezone(dt.UTC):%H:%M:%S}"}
    seconds = max(1, round((until - timezone.now()).total_seconds()))
    return ConnectionProblem(
        message(_("{host} accepts no more requests until {time} UTC."), **words), temporary=True, retry_after=seconds
    )


def moved_problem(repository: str) -> ConnectionProblem:
    """Return that a repository, by its path at the provider, has another address now."""
    return ConnectionProblem(message(MOVED, repository=repository))


def request_problem(
    error: ApiError | OutgoingError | ConnectionProblem, vcs: Vcs, repository: str
) -> ConnectionProblem:
    """Return why a provider did not do what it was asked with a repository, which is given by its path there."""
    if isinstance(error, ConnectionProblem):
        return error
    found = general_problem(error, vcs)
    if found is not None or not isinstance(error, ApiError):
        return found or ConnectionProblem(marked(str(error)))
    if error.is_moved:
        return moved_problem(repository)
    return ConnectionProblem(message(_REFUSES, host=host_of(vcs), status=error.status, detail=error.detail or "–"))
