"""Start the jobs that a terminal asks for: the templates of the command line, on an uploaded source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.db import transaction
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor, name_of
from workspaces.choices import Via
from workspaces.errors import InvalidInput, WrongState
from workspaces.flows import APPLY_TEMPLATE, DESTROY_TEMPLATE, PLAN_DESTROY, PLAN_TEMPLATE, FlowError
from workspaces.jobs.scope import addresses_of
from workspaces.jobs.start_rules import Start, parsed, starter_on, why_not
from workspaces.models import ConfigurationVersion, Job, Template, Workspace
from workspaces.services.jobs import create_job
from workspaces.services.sources import UPLOADED, has_archive, source_address

DEFAULT_COMMENT = "terraform-cli"
_LONGEST_COMMENT = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class CliRun:
    """What a terminal asks for. ``version`` None runs the workspace's own source.

    ``auto_apply`` None is what the workspace says.
    """

    version: ConfigurationVersion | None = None
    destroy: bool = False
    plan_only: bool = False
    save_plan: bool = False
    refresh: bool = True
    refresh_only: bool = False
    auto_apply: bool | None = None
    targets: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""
    own_source: bool = False
    """The source was uploaded for this run alone, as terraform does it."""


def start_run(workspace: Workspace, run: CliRun, *, by: Actor) -> Job:
    """Start a job for a terminal, with the organization's template of the command line.

    A speculative source is only planned. A request that is repeated while its job has not ended returns that job: a
    client that lost the answer asks again. So does one after its end if the source is the run's own. Raises as
    ``create_job``.
    """
    version = run.version
    if version is not None:
        _require_archive(version)
    planned = run.plan_only or (version is not None and version.speculative)
    if planned and run.auto_apply:
        raise InvalidInput(_("A run that only plans cannot be applied."), fields={"auto-apply": "plan-only"})
    if run.save_plan and (planned or run.auto_apply):
        sentence = _("A saved plan waits for its confirmation: it is neither plan-only nor applied at once.")
        raise InvalidInput(sentence, fields={"save-plan": "conflict"})
    applies = bool(run.auto_apply)
    if run.auto_apply is None and workspace.auto_apply and not planned and not run.save_plan:
        applies = _may_skip_approvals(workspace, _template(workspace, run, planned=planned), by)
    run = replace(run, auto_apply=applies)
    with transaction.atomic():
        if version is not None:
            # Two requests at once take turns, so that the second finds the job of the first.
            ConfigurationVersion.objects.select_for_update().filter(pk=version.pk).first()
            if (known := _repeated(workspace, version, run, planned=planned, by=by)) is not None:
                return known
        return _create(workspace, run, planned=planned, by=by)


def _create(workspace: Workspace, run: CliRun, *, planned: bool, by: Actor) -> Job:
    version = run.version
    template = None if planned and run.destroy else _template(workspace, run, planned=planned)
    return create_job(
        workspace,
        by=by,
        template=template,
        tcl="" if template is not None else PLAN_DESTROY,
        targets=run.targets,
        replaces=run.replaces,
        comments=_comment(run),
        refresh=run.refresh,
        refresh_only=run.refresh_only,
        auto_apply=bool(run.auto_apply),
        override_source=None if version is None else source_address(version),
        override_branch=None if version is None else UPLOADED,
        via=Via.CLI,
        variables=run.variables,
        save_plan=run.save_plan,
    )


def queue_run(version: ConfigurationVersion, *, by: Actor) -> Job:
    """Start the job that a source was uploaded for, once: an upload may be repeated. Raises as ``create_job``."""
    known: Job | None = Job.objects.filter(override_source=source_address(version)).first()
    return known or start_run(version.workspace, CliRun(version=version), by=by)


def _require_archive(version: ConfigurationVersion) -> None:
    if version.archived:
        raise WrongState(_("The archive of this configuration version was removed."))
    if not has_archive(version):
        raise WrongState(_("The archive of this configuration version has not been uploaded."))


def _template(workspace: Workspace, run: CliRun, *, planned: bool) -> Template:
    name = PLAN_TEMPLATE if planned else DESTROY_TEMPLATE if run.destroy else APPLY_TEMPLATE
    found: Template | None = workspace.organization.templates.filter(name=name).first()
    if found is None:
        sentence = _("{organization} has no template {name}, which runs of the command line use.")
        raise InvalidInput(message(sentence, organization=workspace.organization.name, name=name))
    return found


def _may_skip_approvals(workspace: Workspace, template: Template, by: Actor) -> bool:
    """Return whether the actor may start a template with all its approvals given beforehand."""
    try:
        start = Start(flow=parsed(template.tcl), template=template, auto_apply=True)
    except FlowError:
        # Refused with its reason when the job is created.
        return False
    return not why_not(start, starter_on(workspace, by))


def _comment(run: CliRun) -> str:
    text = run.comment or DEFAULT_COMMENT
    return text if len(text) <= _LONGEST_COMMENT else f"{text[: _LONGEST_COMMENT - 1]}…"


def _repeated(
    workspace: Workspace, version: ConfigurationVersion, run: CliRun, *, planned: bool, by: Actor
) -> Job | None:
    """Return the job of the same request by the same user, if it has not ended or the source is its own."""
    jobs = Job.objects.filter(workspace=workspace) if run.own_source else Job.objects.unfinished_on(workspace.pk)
    jobs = jobs.filter(
        via=Via.CLI,
        override_source=source_address(version),
        created_by=name_of(by),
        plan_only=planned,
        save_plan=run.save_plan,
        auto_apply=bool(run.auto_apply),
        refresh=run.refresh,
        refresh_only=run.refresh_only,
        comments=_comment(run),
    )
    job: Job
    for job in jobs.select_related("template").prefetch_related("addresses", "variables"):
        asked = addresses_of(job)
        destroys = job.template is None or job.template.name == DESTROY_TEMPLATE
        same = (
            destroys == run.destroy
            and set(asked.targets) == set(run.targets)
            and set(asked.replaces) == set(run.replaces)
            and {row.key: row.value for row in job.variables.all()} == dict(run.variables)
        )
        if same:
            return job
    return None
