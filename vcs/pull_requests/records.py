"""What is known of a pull request: from deliveries, which may come late, and from the provider's own word."""

from __future__ import annotations

from vcs.models import ConcernedWorkspace, PullRequest
from vcs.providers.base import Event, normalized
from vcs.providers.base import PullRequest as LivePullRequest
from vcs.reports import outbox
from vcs.reports.markdown import code
from workspaces.models import Vcs, WebhookEvent, Workspace


def find_record(vcs: Vcs, source: str, number: int) -> PullRequest | None:
    return PullRequest.objects.filter(vcs=vcs, repository=normalized(source), number=number).first()


def seen(vcs: Vcs, source: str, event: Event) -> PullRequest:
    """Keep what a delivery says of a pull request that was opened or changed. Of a fork that waits, tell the people.

    Nothing of a record that ``is_held`` may run.
    """
    if event.pull_request is None:
        raise ValueError("The event is of no pull request")
    record = _store(
        vcs,
        source,
        event.pull_request,
        title=event.message,
        author=event.sender,
        branch=event.branch,
        target_branch=event.target_branch,
        commit=event.commit,
        fork=event.fork,
        open=True,
        merged=False,
    )
    if record.is_held:
        tell_of_hold(record)
    return record


def refresh(vcs: Vcs, source: str, live: LivePullRequest) -> PullRequest:
    """Keep what the provider itself says of a pull request now."""
    return _store(
        vcs,
        source,
        live.number,
        title=live.title,
        author=live.author,
        branch=live.branch,
        target_branch=live.target_branch,
        commit=live.commit,
        fork=live.fork,
        open=live.open,
        merged=live.merged,
    )


def _store(vcs: Vcs, source: str, number: int, **columns: object) -> PullRequest:
    found, _new = PullRequest.objects.update_or_create(
        vcs=vcs, repository=normalized(source), number=number, defaults=columns
    )
    return found


def note_concerned(record: PullRequest, workspace: Workspace, rule: WebhookEvent) -> None:
    """Keep that a pull request concerns a workspace, by the event of its webhook that matched."""
    ConcernedWorkspace.objects.update_or_create(pull_request=record, workspace=workspace, defaults={"rule": rule})


def tell_of_hold(record: PullRequest) -> None:
    """Say in the pull request that nothing of its commit runs until somebody allows it; one notice, kept up to date."""
    short = record.commit[:10]
    outbox.reply(
        record.vcs,
        record.repository,
        record.number,
        "\N{RAISED HAND} This pull request comes from a fork, so nothing runs automatically: a plan runs the code of "
        "its configuration and reads the state.\n\nA user who may start jobs here can review commit "
        f"{code(short)} and then plan it, on the page of the pull request in the panel or with the comment "
        f"{code(f'terrakube plan -c {short}')}. Each newer commit needs permission again. It is never applied before "
        "the merge.",
        key="fork",
    )
