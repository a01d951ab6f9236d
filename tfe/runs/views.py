"""Runs: start, read, list, and what a terminal asks about them while it waits."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import body_of, comment_of
from tfe.documents import Json, asked_includes, document, page_document, whole_document
from tfe.errors import NotFound
from tfe.included import objects_of
from tfe.lookup import organization_of, workspace_of
from tfe.runs.changes import counts_of
from tfe.runs.configuration_versions import version_object, versions
from tfe.runs.creation import create_run
from tfe.runs.documents import people_of, phase_object, run_object
from tfe.runs.events import comment_object, commented, comments_of, event_object, event_of, events_of
from tfe.runs.filters import filtered
from tfe.runs.find import Run, run_of, visible_jobs, with_comments, with_details, with_steps
from tfe.runs.permissions import Caller, last_decision
from tfe.runs.queue import position_of, positions_in
from tfe.runs.status import Phase
from tfe.views import TfeView
from workspaces.actors import Actor, name_of
from workspaces.choices import JobStatus
from workspaces.errors import WrongState
from workspaces.jobs.transitions.table import APPROVED, REJECTED
from workspaces.models import Job
from workspaces.permissions import rights_on_each
from workspaces.services import jobs as services
from workspaces.services.job_comments import comment_on_job
from workspaces.services.sources import version_of


class RunsView(TfeView):
    """``runs``."""

    def post(self, request: Request) -> Response:
        # terraform and tofu tell their version, other clients do not.
        at_terminal = "Terraform-Version" in request.headers
        job, variables = create_run(self.actor, body_of(request, "runs"), at_terminal=at_terminal)
        (run,) = with_steps(visible_jobs(self.actor).filter(pk=job.pk))
        body = document(run_object(run, Caller(self.actor), position=position_of(run), variables=variables))
        return Response(body, status=HTTPStatus.CREATED)


class RunView(TfeView):
    """``runs/ID``."""

    def get(self, request: Request, run_id: str) -> Response:
        run = with_details(run_of(self.actor, run_id))
        body = run_object(run, Caller(self.actor), position=position_of(run))
        return Response(document(body, included_of(self.actor, [run], asked_includes(request))))


def included_of(actor: Actor, runs: Iterable[Run], asked: frozenset[str]) -> list[Json]:
    """Return the resources beside some runs that a client asks for; unknown names are none."""
    runs = list(runs)
    found: list[Json] = []
    if "workspace" in asked:
        found += objects_of("workspaces", actor, (run.job.workspace_id for run in runs))
    if asked & {"created_by", "created-by", "confirmed_by"}:
        found += people_of(runs)
    for run in runs:
        if "comments" in asked:
            found += comments_of(run)
        if "plan" in asked:
            found.append(phase_object(run, Phase.PLAN))
        if "apply" in asked:
            found.append(phase_object(run, Phase.APPLY))
    if asked & {"configuration_version", "configuration-version"}:
        keys = {key for run in runs if (key := version_of(run.job)) is not None}
        found += [version_object(row) for row in versions().filter(pk__in=keys)]
    return found


def caller_on(actor: Actor, jobs: Iterable[Job]) -> Caller:
    """Return a caller whose rights on the workspaces of some jobs are looked up at once."""
    return Caller(actor, rights_on_each(actor, [job.workspace for job in jobs]))


class RunList(TfeView):
    """What the lists of runs share."""

    def page(self, request: Request, jobs: QuerySet[Job]) -> Response:
        asked = asked_includes(request)
        rows = filtered(jobs, request).prefetch_related("addresses", "variables").order_by("-pk")
        kept: list[Run] = []

        def render(found: list[Job]) -> list[Json]:
            kept.extend(with_steps(found))
            caller = caller_on(self.actor, found)
            return [run_object(run, caller) for run in kept]

        return Response(page_document(request, rows, render, lambda _rows: included_of(self.actor, kept, asked)))


class WorkspaceRunsView(RunList):
    """``workspaces/ID/runs``, newest first."""

    def get(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        return self.page(request, visible_jobs(self.actor).filter(workspace=workspace))


class OrganizationRunsView(RunList):
    """``organizations/O/runs``, newest first."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        return self.page(request, visible_jobs(self.actor).filter(organization=organization))


class QueueView(TfeView):
    """``organizations/O/runs/queue``: the runs that have not started, of those that the caller sees."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        waiting = positions_in(visible_jobs(self.actor).filter(organization=organization))

        def render(found: list[tuple[int, Job]]) -> list[Json]:
            runs = with_steps(job for _position, job in found)
            caller = caller_on(self.actor, [job for _position, job in found])
            positions = [position for position, _job in found]
            return [run_object(run, caller, position=at) for run, at in zip(runs, positions, strict=True)]

        return Response(page_document(request, waiting, render))


class EventsView(TfeView):
    """``runs/ID/run-events``: what happened to a run, as its records tell."""

    def get(self, request: Request, run_id: str) -> Response:
        run = with_comments(run_of(self.actor, run_id))
        events = events_of(run)
        asked = asked_includes(request)
        included = comments_of(run) if "comment" in asked else []
        if "actor" in asked:
            included += people_of([run])
        return Response(whole_document([event_object(run, event) for event in events], included))


class EventView(TfeView):
    """``run-events/ID``."""

    def get(self, request: Request, event_id: str) -> Response:
        run, event = event_of(self.actor, event_id, "re-")
        asked = asked_includes(request)
        included = [comment_object(event)] if "comment" in asked and event.comment else []
        if "actor" in asked:
            included += people_of([run])
        return Response(document(event_object(run, event), included))


class CommentView(TfeView):
    """``comments/ID``."""

    def get(self, request: Request, comment_id: str) -> Response:
        _run, event = event_of(self.actor, comment_id, "wsc-")
        if not event.comment:
            raise NotFound
        return Response(document(comment_object(event)))


class CommentsView(TfeView):
    """``runs/ID/comments``: what was said about a run."""

    def get(self, request: Request, run_id: str) -> Response:
        return Response(whole_document(comments_of(with_comments(run_of(self.actor, run_id)))))

    def post(self, request: Request, run_id: str) -> Response:
        job = run_of(self.actor, run_id).job
        comment = comment_on_job(job, body_of(request, "comments").text("body"), by=self.actor)
        return Response(document(comment_object(commented(comment))), status=HTTPStatus.CREATED)


class PhaseView(TfeView):
    """What plans and applies share."""

    phase: Phase

    def phase_of(self, key: str) -> Response:
        run = run_of(self.actor, key, f"{self.phase}-")
        return Response(document(phase_object(run, self.phase, counts_of(run, self.phase))))


class PlanView(PhaseView):
    """``plans/ID``."""

    phase = Phase.PLAN

    def get(self, request: Request, plan_id: str) -> Response:
        return self.phase_of(plan_id)


class ApplyView(PhaseView):
    """``applies/ID``."""

    phase = Phase.APPLY

    def get(self, request: Request, apply_id: str) -> Response:
        return self.phase_of(apply_id)


# ---- actions --------------------------------------------------------------------------------------------------------


class ActionView(TfeView):
    """What the actions share: 202 without a body."""

    def act(self, job: Job, comment: str) -> None:
        raise NotImplementedError

    def is_repeated(self, job: Job) -> bool:
        """Return whether the caller's request has its effect already: a client that lost the answer asks again."""
        return False

    def post(self, request: Request, run_id: str) -> Response:
        job = run_of(self.actor, run_id).job
        try:
            self.act(job, comment_of(request))
        except WrongState:
            if not self.is_repeated(job):
                raise
        return Response(status=HTTPStatus.ACCEPTED)


class ApplyActionView(ActionView):
    """``runs/ID/actions/apply``."""

    def act(self, job: Job, comment: str) -> None:
        # A request that a client repeats must not approve what the flow asks next, which nobody has seen there.
        if not self.is_repeated(job):
            services.approve_job(job, by=self.actor, comment=comment)

    def is_repeated(self, job: Job) -> bool:
        return last_decision(job.steps.all()) == (APPROVED, name_of(self.actor))


class DiscardView(ActionView):
    """``runs/ID/actions/discard``."""

    def act(self, job: Job, comment: str) -> None:
        services.reject_job(job, by=self.actor, comment=comment)

    def is_repeated(self, job: Job) -> bool:
        return last_decision(job.steps.all()) == (REJECTED, name_of(self.actor))


class CancelView(ActionView):
    """``runs/ID/actions/cancel``."""

    def act(self, job: Job, comment: str) -> None:
        services.cancel_job(job, by=self.actor)

    def is_repeated(self, job: Job) -> bool:
        return job.status == JobStatus.CANCELLED and job.updated_by == name_of(self.actor)


class ForceExecuteView(ActionView):
    """``runs/ID/actions/force-execute``: discard the runs that wait for a confirmation before this one."""

    def act(self, job: Job, comment: str) -> None:
        services.force_execute(job, by=self.actor)


class ForceCancelView(ActionView):
    """``runs/ID/actions/force-cancel``."""

    def act(self, job: Job, comment: str) -> None:
        services.force_cancel(job, by=self.actor)
