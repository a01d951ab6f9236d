"""What a step needs to run: Terrakube's job data, and what our own executor gets beside it at its claim."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from django.conf import settings

from executors.attempts.plan_file_list import stored_list
from executors.attempts.source_access import (
    UNTIL_A_POD_STARTS,
    SourceAccess,
    access_of_job,
    stored_access_of_job,
    tokens_in_use,
)
from executors.attempts.state_tokens import host_tokens
from executors.contract.job_data import Command, JobData
from executors.installation import limits
from executors.installation.settings import installation
from executors.models import Attempt
from workspaces import flows, pods
from workspaces.choices import EXCLUSIVE_TYPES, PLAN_TYPES, Category, IacType, StepType
from workspaces.jobs.scope import PLAN_ARGUMENTS, addresses_of, is_approved_by_a_person, plan_arguments
from workspaces.models import Job, SavedPlan, Ssh, Step
from workspaces.reasons import Reason, told
from workspaces.variables.in_force import Inputs, step_inputs

LOG_BUFFER_BYTES = 64 * 2**20


class ValuesLost(Exception):
    """Values that a step needs cannot be decrypted, as ``why`` says."""

    def __init__(self, why: Reason) -> None:
        super().__init__(str(why))
        self.why = why


def require_values(inputs: Inputs) -> None:
    """Refuse inputs whose values cannot be decrypted: the step would run with others. Raises ValuesLost."""
    if inputs.lost is not None:
        raise ValuesLost(told("incomplete-variables", inputs.lost))


def _commands(commands: tuple[flows.Command, ...] | None) -> tuple[Command, ...] | None:
    if commands is None:
        return None
    return tuple(Command(**asdict(command)) for command in commands)


def _allows_ssh_rsa(key: Ssh | None) -> bool:
    return key is not None and key.allow_ssh_rsa


def _step_commands(step: Step, flow: flows.FlowStep) -> tuple[flows.Command, ...] | None:
    if step.type == StepType.APPROVAL and step.decision == "rejected":
        return flow.on_reject
    return flow.commands


def job_data(step: Step, inputs: Inputs, *, control_keys: bool, access: SourceAccess | None = None) -> JobData:
    """Return the step's job data as Terrakube defines it.

    ``control_keys`` keeps EPHEMERAL_* and their like in the environment, as Terrakube's own executor expects it; ours
    gets them never. ``access`` None: with the stored token, and no provider is asked.
    """
    job, workspace = step.job, step.job.workspace
    flow = flows.from_json(step.flow)
    access = access or stored_access_of_job(job)
    # A key for modules opens whatever it opens, so the code of a fork gets none.
    module_key = None if job.from_fork else workspace.module_ssh_key
    environment = inputs.texts(Category.ENV)
    if not control_keys:
        environment = {key: text for key, text in environment.items() if not pods.is_control_key(key)}
    return JobData(
        command_list=_commands(_step_commands(step, flow)),
        on_failure_list=_commands(flow.on_failure),
        type=step.type,
        organization_id=str(job.organization_id),
        workspace_id=str(workspace.pk),
        job_id=str(job.pk),
        step_id=str(step.pk),
        terraform_version=workspace.terraform_version,
        source=job.override_source or workspace.source,
        branch=job.override_branch or workspace.first_branch,
        folder=workspace.first_folder,
        vcs_type=access.vcs_type,
        connection_type=access.connection_type,
        refresh=job.refresh,
        refresh_only=job.refresh_only,
        show_header="remote-content" not in {workspace.first_branch, job.override_branch},
        ignore_error=flow.ignore_error,
        access_token=access.token,
        module_ssh_key=module_key.private_key if module_key is not None else None,
        commit_id=job.commit_id,
        tofu=workspace.iac_type != IacType.TERRAFORM,
        environment_variables=environment,
        variables=inputs.texts(Category.TERRAFORM),
    )


def terrakube_job_data(step: Step, inputs: Inputs) -> JobData:
    """Return the step's job data for Terrakube's own image, which knows a job's addresses from TF_CLI_ARGS_plan alone.

    It may ask the provider of the source for a token, so never call it inside a transaction.
    """
    access = access_of_job(step.job, lasting=UNTIL_A_POD_STARTS).for_terrakube()
    data = job_data(step, inputs, control_keys=True, access=access)
    addresses = addresses_of(step.job)
    if not addresses or step.type not in PLAN_TYPES:
        return data
    own = data.environment_variables.get(PLAN_ARGUMENTS, "")
    added = {PLAN_ARGUMENTS: plan_arguments(addresses, beside=own)}
    return replace(data, environment_variables={**data.environment_variables, **added})


def load_step(attempt: Attempt) -> Step:
    """Return the attempt's step with what the inputs of every step are made of."""
    step: Step = Step.objects.select_related("job__workspace__organization").get(pk=attempt.step_id)
    return step


def _sensitive_values(data: JobData, inputs: Inputs) -> list[str]:
    texts = set(inputs.sensitive_texts)
    texts.update(text for text in (data.access_token, data.module_ssh_key) if text)
    return sorted(texts)


def sensitive_texts(attempt: Attempt) -> list[str]:
    """Return what must not be seen in an attempt's log, for logs that come unmasked."""
    step = load_step(attempt)
    inputs = step_inputs(step.job, flows.from_json(step.flow))
    known = _sensitive_values(job_data(step, inputs, control_keys=False), inputs)
    return sorted({*known, *tokens_in_use(step.job.workspace)})


def latest_plan(job: Job, *columns: str) -> SavedPlan | None:
    """Return the plan that a job's apply applies, that of its last plan step, with these of its long columns.

    None when none was kept.
    """
    kept = SavedPlan.objects.filter(step__job=job, content__isnull=False).select_related("step")
    kept = kept.only(*columns, "step__step_number", "step__type")
    return kept.order_by("-step__step_number").first()


def _requested_scope(step: Step, plan: SavedPlan | None) -> dict[str, Any]:
    """Return what a job's plans are confined to, and whether a person approved the plan that this step applies."""
    addresses = addresses_of(step.job)
    planned_by = plan.step if plan is not None else step
    approved = plan is not None and bool(addresses) and is_approved_by_a_person(step, since=plan.step.step_number)
    return {
        "targets": addresses.targets,
        "replaces": addresses.replaces,
        "destroys": planned_by.type in {StepType.DESTROY, StepType.PLAN_DESTROY},
        "approved": approved,
    }


def claim_answer(attempt: Attempt) -> dict[str, Any]:
    """Return all that our own executor needs to run a step, handed over at its claim and nowhere else.

    It may ask the provider of the source for a token, so never call it inside a transaction. Raises ValuesLost, and
    DecryptionError for a key or a token.
    """
    step = load_step(attempt)
    inputs = step_inputs(step.job, flows.from_json(step.flow))
    require_values(inputs)
    access = access_of_job(step.job)
    data = job_data(step, inputs, control_keys=False, access=access)
    conf = installation()
    workspace = step.job.workspace
    plan = latest_plan(step.job, "digest", "file_list") if step.type == StepType.APPLY else None
    # Shared states of other workspaces are not for the code of a fork either.
    tokens = {} if step.job.from_fork else host_tokens(attempt)
    fetching = {access.fetch_token} if access.fetch_token else set()
    return {
        "jobData": data.to_json(),
        "sensitive": sorted({*_sensitive_values(data, inputs), *tokens.values(), *fetching}),
        "hostTokens": tokens,
        # Beside the job data, so that an older executor, which would keep it, never gets it.
        "fetchOnly": access.fetch_token is not None or (step.job.from_fork and access.token is None),
        "fetchToken": access.fetch_token,
        "hclVariables": sorted(key for key, value in inputs.terraform.items() if value.hcl),
        "planOnly": step.job.plan_only,
        "hasPlan": plan is not None,
        "hasPlanFiles": plan is not None and stored_list(plan).archived,
        "planDigest": plan.digest if plan is not None else "",
        "maxPlanFilesBytes": conf.max_plan_files_bytes,
        **_requested_scope(step, plan),
        "sourceSshRsa": workspace.vcs is None and _allows_ssh_rsa(workspace.ssh),
        "moduleSshRsa": _allows_ssh_rsa(workspace.module_ssh_key),
        "upload": data.branch == "remote-content",
        "releases": {
            "terraform": f"{settings.PUBLIC_URL}/terraform/index.json",
            "tofu": f"{settings.PUBLIC_URL}/tofu/index.json",
        },
        "color": True,
        "heartbeatSeconds": conf.heartbeat_seconds,
        "graceSeconds": conf.interrupt_seconds(may_change=step.type in EXCLUSIVE_TYPES),
        "outageSeconds": limits.outage_seconds(conf, attempt.deadlines),
        "logBufferBytes": LOG_BUFFER_BYTES,
        "memoryShare": conf.memory_soft_stop_percent / 100,
    }
