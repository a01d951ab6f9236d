"""Run a configuration through the site, as users do it: one job for each round."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from typing import Any

from executors.logs import store
from executors.models import Attempt
from tests.configurations.case import LIBRARY, Case, Round
from tests.configurations.facts import Facts, alike, facts_of_round
from tests.configurations.library import Library
from tests.spine.site import Site
from tests.spine.sources import Repository, archive
from workspaces.choices import Category, IacType, JobStatus
from workspaces.models import Job, StateVersion, Workspace
from workspaces.services.jobs import approve_job, create_job
from workspaces.services.sources import upload_source
from workspaces.services.workspaces import set_variable

_FOLDERS = (r"/tmp/terrakube/source", r'[^"\s]*/workspace-[0-9a-f-]{36}/source')
"""Where steps work: in pods, and on this machine."""
_STEPS = {
    "plan": ("terraformPlan",),
    "apply": ("terraformPlan", "approval", "terraformApply"),
    "direct": ("terraformApply",),
    "destroy": ("terraformDestroy",),
}


def through_site(
    case: Case, program: IacType, site: Site, library: Library, *, in_pods: bool
) -> Generator[None, None, Facts]:
    """Run the case; give control back while its job runs, and return what came of it."""
    files = {name: text.replace(LIBRARY, library.url) for name, text in case.files.items()}
    attributes: dict[str, Any] = {"folder": case.folder or None}
    repository = library.repository(files) if case.from_git else None
    if repository:
        attributes |= {"source": repository.url, "branch": "main"}
    workspace = site.workspace(files, tool=program, environment=case.environment, on_cluster=in_pods, **attributes)
    for key, variable in case.variables.items():
        set_variable(
            workspace, by=None, key=key, value=variable.value, category=Category.TERRAFORM,
            hcl=variable.hcl, sensitive=variable.sensitive,
        )  # fmt: skip
    facts: Facts = {}
    for number, step in enumerate(case.rounds, start=1):
        if step.files:
            files = _changed(files, step.files)
            _publish(files, workspace, repository)
        job = create_job(
            workspace, by=None, tcl=_flow(step, in_pods=in_pods), targets=step.targets, replaces=step.replaces,
            refresh=step.refresh, refresh_only=step.refresh_only,
        )  # fmt: skip
        while not _is_over(job):
            yield
        facts |= _facts(number, step, job)
    return alike(facts, _FOLDERS)


def _changed(files: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in {**files, **changes}.items() if text is not None}


def _publish(files: Mapping[str, str], workspace: Workspace, repository: Repository | None) -> None:
    if repository:
        repository.commit(files)
    else:
        upload_source(workspace, archive(files), by=None)


def _flow(step: Round, *, in_pods: bool) -> str:
    stored = in_pods if step.stored is None else step.stored
    types = _STEPS["direct" if step.command == "apply" and not stored else step.command]
    commands = [
        {"runtime": "BASH", "priority": 1, "script": script, moment: True}
        for moment, script in (("beforeInit", step.before_init), ("before", step.before))
        if script
    ]
    flow: list[dict[str, Any]] = [
        {"type": kind, "name": kind, "step": number} for number, kind in enumerate(types, start=1)
    ]
    if commands:
        flow[0]["commands"] = commands
    return json.dumps({"flow": flow})


def _is_over(job: Job) -> bool:
    job.refresh_from_db()
    if job.status == JobStatus.WAITING_APPROVAL:
        approve_job(job, by=None)
    return bool(job.is_final)


def _facts(number: int, step: Round, job: Job) -> Facts:
    attempts = Attempt.objects.filter(step__job=job).order_by("step__step_number")
    state = StateVersion.objects.filter(workspace=job.workspace).first()
    succeeded = job.status == JobStatus.COMPLETED
    return facts_of_round(
        number,
        succeeded=succeeded,
        changes=job.plan_changes if step.command == "plan" and succeeded else None,
        said=[store.read_log(attempt).data.decode(errors="replace") for attempt in attempts],
        state=bytes(state.content) if state and state.content else None,
    )
