"""Do what a comment commands, and answer it in the pull request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.urls import reverse

from terrakube_site.outgoing import OutgoingError
from vcs.commands.parsing import Command, Verb, read_command
from vcs.commands.people import writer_of
from vcs.commands.requirements import Planned, Wanted, why_not_apply
from vcs.connections.problems import ConnectionProblem, request_problem
from vcs.connections.tokens import api_for, repository_of
from vcs.models import ConcernedWorkspace, PullRequest, Report, ReportKind
from vcs.providers import provider_of
from vcs.providers.base import ApiError, Event, normalized
from vcs.providers.base import PullRequest as LivePullRequest
from vcs.pull_requests import forks, records
from vcs.pull_requests.jobs import start_plan
from vcs.pull_requests.rules import rules_of
from vcs.reports import outbox
from vcs.reports.markdown import code, link, one_line
from workspaces.choices import JobStatus, WebhookEventType
from workspaces.errors import NotAllowed, ServiceError
from workspaces.models import Job, Vcs, WebhookEvent, Workspace
from workspaces.permissions import refusal, rights
from workspaces.services.jobs import approve_job, require_decision
from workspaces.services.locks import unlock_of_pull_request

HELP = f"""\
Comments of one line that begin with {code("terrakube")} are commands:

| command | what it does |
| --- | --- |
| {code("terrakube plan")} | plans the newest commit again |
| {code("terrakube apply")} | applies the plan of the newest commit, and locks the workspace until the merge |
| {code("terrakube unlock")} | gives the lock of this pull request back |
| {code("terrakube help")} | shows this |

Behind each may stand a workspace, or {code("-d")} and a folder; without, it is for all workspaces that the changes
concern. {code("-c")} and a commit make sure that it is this one. Your account must be linked with a user of the site,
whose rights count."""


@dataclass(frozen=True, slots=True)
class Target:
    """A workspace that a command is for, and the event of its webhook that lets comments command."""

    workspace: Workspace
    rule: WebhookEvent


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a command for one workspace, as a sentence."""

    workspace: Workspace
    text: str
    accepted: bool


def handle_comment(vcs: Vcs, source: str, event: Event) -> str:
    """Do what a comment of a pull request commands; return in a few words what came of it.

    Edited comments command nothing: what was written may have been approved by others in another form. Our own begin
    with a marker, so they are no commands. Call it from a task, outside of a transaction.
    """
    number = event.pull_request
    command = read_command(event.comment)
    if number is None or command is None:
        return "no command"
    if event.action != "created":
        return "an edited comment commands nothing"
    if not targets_of(vcs, source):
        return "no workspace takes commands"
    if _is_answered(vcs, source, number, event.comment_id):
        return "answered before"

    def answer(body: str, *, accepted: bool, key: str = "") -> None:
        outbox.reply(
            vcs,
            source,
            number,
            f"{_mention(event)}{body}",
            key=key or f"comment:{event.comment_id}",
            answers=event.comment_id,
            accepted=accepted,
        )

    writer = writer_of(vcs, event.sender, event.sender_id)
    if writer.user is None:
        # One answer for each account, however often it tries.
        sentence = f"{one_line(writer.why)} An administrator links accounts with users on the connection's page."
        answer(f"Refused: {sentence}", accepted=False, key=f"stranger:{event.sender_id or event.sender}")
        return f"refused: {writer.why}"
    if command.verb is Verb.HELP:
        answer(f"{one_line(command.wrong)}\n\n{HELP}" if command.wrong else HELP, accepted=not command.wrong)
        return command.wrong or "help"
    try:
        done = _run(vcs, source, event, number, command, writer.user)
    except (ServiceError, ApiError, OutgoingError, ConnectionProblem) as error:
        why = error.message if isinstance(error, ServiceError) else _problem(error, vcs, source)
        answer(f"Refused: {one_line(why)}", accepted=False)
        return f"refused: {why}"
    lines = [f"- {code(row.workspace.name)}: {row.text}" for row in done]
    accepted = any(row.accepted for row in done)
    answer(f"{'Done' if accepted else 'Refused'}:\n\n" + "\n".join(lines), accepted=accepted)
    return "; ".join(f"{row.workspace.name}: {row.text}" for row in done)


def _problem(error: ApiError | OutgoingError | ConnectionProblem, vcs: Vcs, source: str) -> str:
    return str(request_problem(error, vcs, urlsplit(normalized(source)).path.strip("/")).sentence)


def _mention(event: Event) -> str:
    return f"{code(event.sender)}: " if event.sender else ""


def _is_answered(vcs: Vcs, source: str, number: int, comment_id: str) -> bool:
    key = f"{number}/comment:{comment_id}"[:255]
    return Report.objects.filter(vcs=vcs, repository=normalized(source), kind=ReportKind.REPLY, key=key).exists()


def targets_of(vcs: Vcs, source: str) -> list[Target]:
    """Return the workspaces of a repository whose webhook takes commands, each with the first event that does."""
    wanted = normalized(source)
    rules = WebhookEvent.objects.filter(
        event=WebhookEventType.PULL_REQUEST,
        pr_workflow_enabled=True,
        webhook__workspace__vcs=vcs,
        webhook__workspace__deleted=False,
    ).select_related("webhook__workspace__organization", "webhook__workspace__vcs", "template")
    found: dict[object, Target] = {}
    for rule in rules.order_by("priority", "created_date"):
        workspace = rule.webhook.workspace
        if normalized(workspace.source) == wanted:
            found.setdefault(workspace.pk, Target(workspace, rule))
    return sorted(found.values(), key=lambda target: target.workspace.name)


def _run(vcs: Vcs, source: str, event: Event, number: int, command: Command, user: AbstractBaseUser) -> list[Done]:
    live = _live(vcs, source, number)
    record = records.refresh(vcs, source, live)
    if command.commit and not live.commit.startswith(command.commit):
        raise NotAllowed(f"The newest commit is {live.commit[:10]}, not {command.commit}. Look at that one.")
    targets = _chosen(targets_of(vcs, source), record, command)
    if not targets:
        named = command.workspace or (f"folder {command.folder or '/'}" if command.folder is not None else "")
        raise NotAllowed(
            f"No workspace of this repository takes commands as {named}."
            if named
            else "The changes of this pull request concern no workspace that takes commands."
        )
    if command.verb is Verb.PLAN and record.is_held:
        return _allow(record, command, targets, user)
    act: Callable[[Target, LivePullRequest, PullRequest, AbstractBaseUser], str]
    act = {Verb.PLAN: _plan, Verb.APPLY: _apply, Verb.UNLOCK: _unlock}[command.verb]
    done = []
    for target in targets:
        try:
            done.append(Done(target.workspace, act(target, live, record, user), True))
        except ServiceError as error:
            done.append(Done(target.workspace, one_line(error.message), False))
    return done


def _live(vcs: Vcs, source: str, number: int) -> LivePullRequest:
    """Return the pull request as the provider says it is now, whatever the delivery says."""
    provider = provider_of(vcs)
    if provider is None or provider.pull_requests is None:
        raise NotAllowed("The provider of this connection has no pull requests.")
    return provider.pull_requests.get_pull_request(api_for(vcs, source), repository_of(vcs, source), number)


def _chosen(targets: Sequence[Target], record: PullRequest, command: Command) -> list[Target]:
    """Return the targets that a command names; without a name those that the pull request concerns."""
    if command.workspace:
        names = {command.workspace, command.workspace.rpartition("/")[2]}
        exact = [target for target in targets if target.workspace.name in names]
        folded = {name.lower() for name in names}
        return exact or [target for target in targets if target.workspace.name.lower() in folded]
    if command.folder is not None:
        return [target for target in targets if target.workspace.first_folder.strip("/") == command.folder]
    concerned = set(ConcernedWorkspace.objects.filter(pull_request=record).values_list("workspace_id", flat=True))
    return [target for target in targets if target.workspace.pk in concerned]


def _allow(record: PullRequest, command: Command, targets: Sequence[Target], user: AbstractBaseUser) -> list[Done]:
    """Plan a commit of a fork that the comment names: a bare command could meet a commit that nobody looked at."""
    if not command.commit:
        raise NotAllowed(
            "This pull request comes from a fork. Look at its newest commit, and name it: "
            f"terrakube plan -c {record.commit[:10]}"
        )
    for target in targets:
        records.note_concerned(record, target.workspace, target.rule)
    jobs = forks.allow_commit(record, record.commit, by=user)
    return [Done(job.workspace, f"{_job_link(job)} plans commit {code(record.commit[:10])}.", True) for job in jobs]


def _plan(target: Target, live: LivePullRequest, record: PullRequest, user: AbstractBaseUser) -> str:
    if not live.open:
        raise NotAllowed("The pull request is not open.")
    job = start_plan(record, target.workspace, target.rule, by=user)
    return f"{_job_link(job)} plans commit {code(record.commit[:10])}."


def _apply(target: Target, live: LivePullRequest, record: PullRequest, user: AbstractBaseUser) -> str:
    """Approve the saved plan. The right is asked before anything else is told."""
    workspace = target.workspace
    if not rights(user, workspace.organization, workspace).approve_job:
        raise NotAllowed(refusal(workspace.organization, "approve_job", action="apply a plan"))
    job = _planned_job(record, workspace)
    planned = None
    if job is not None:
        planned = Planned(commit=job.commit_id or "", waits=job.status == JobStatus.WAITING_APPROVAL, number=job.pk)
    rules = rules_of(workspace)
    wanted = Wanted(
        approved=rules.require_approved, mergeable=rules.require_mergeable, up_to_date=rules.require_up_to_date
    )
    why = why_not_apply(live, planned, wanted, apply_enabled=target.rule.pr_apply_enabled)
    if why or job is None:
        raise NotAllowed(why)
    require_decision(job, by=user, approved=True)
    approve_job(job, by=user, comment=f"Comment on pull request {record.number}")
    return (
        f"{_job_link(job)} applies its plan. This pull request holds the workspace's lock until it is merged or closed."
    )


def _planned_job(record: PullRequest, workspace: Workspace) -> Job | None:
    """Return the newest job of a pull request on a workspace whose plan can be applied."""
    jobs = Job.objects.filter(workspace=workspace, pr_number=record.number, save_plan=True)
    found: Job | None = jobs.select_related("workspace__vcs", "organization").order_by("-pk").first()
    return found


def _unlock(target: Target, live: LivePullRequest, record: PullRequest, user: AbstractBaseUser) -> str:
    own = rights(user, target.workspace.organization, target.workspace)
    if not own.approve_job and not own.manage_workspace:
        raise NotAllowed(refusal(target.workspace.organization, "manage_workspace", action="unlock a workspace"))
    if not unlock_of_pull_request(target.workspace, record.number):
        raise NotAllowed("This pull request does not hold the lock of the workspace.")
    return "unlocked."


def _job_link(job: Job) -> str:
    return link(f"job {job.pk}", f"{settings.PUBLIC_URL}{reverse('admin:workspaces_job_change', args=[job.pk])}")
