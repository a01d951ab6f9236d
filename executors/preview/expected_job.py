"""The Kubernetes Job that a workspace's next step would get, without a launch."""

from __future__ import annotations

from uuid import UUID

from executors.cluster import Manifest, NoCluster
from executors.clusters.reaching import Place, calling, place_for
from executors.installation import limits
from executors.installation.settings import installation
from executors.launching import kubernetes_job, manifest
from workspaces.choices import EXCLUSIVE_TYPES, Category, StepType
from workspaces.models import Workspace
from workspaces.pods import pod_settings
from workspaces.variables.in_force import Inputs, workspace_inputs

_NOT_YET = UUID(int=0)
HIDDEN = "(handed over to the pod)"


def place_of_steps(workspace: Workspace, step_type: StepType = StepType.PLAN) -> Place:
    """Return the cluster in which a step of this type would run. Raises EphemeralSyntaxErrors, NoCluster."""
    inputs = workspace_inputs(workspace).for_step(step_type)
    pod = pod_settings(inputs.texts(Category.ENV), inputs.hidden)
    conf = limits.with_deadlines(installation(), limits.workspace_deadlines(workspace))
    return place_for(pod.cluster, workspace.organization_id, conf)


def expected_job(
    workspace: Workspace,
    step_type: StepType = StepType.PLAN,
    *,
    inputs: Inputs | None = None,
    ask_cluster: bool = False,
    claim_exists: bool | None = None,
) -> Manifest:
    """Return the Job of a step of this type, without data, and with zeros for ids that only a job gives.

    ``inputs`` are those of the workspace; None looks them up. With ``ask_cluster`` the cluster is asked for what
    depends on it (permissions, the plugin cache's claim); otherwise ``claim_exists`` says whether that claim exists,
    None if unknown. Raises EphemeralSyntaxErrors and, when asking, ClusterError.
    """
    conf = limits.with_deadlines(installation(), limits.workspace_deadlines(workspace))
    own = (inputs or workspace_inputs(workspace)).for_step(step_type)
    pod = pod_settings(own.texts(Category.ENV), own.hidden)
    identity = manifest.StepIdentity(
        organization_id=workspace.organization_id,
        workspace_id=workspace.pk,
        job_id=0,
        step_id=_NOT_YET,
        step_number=200 if step_type in {StepType.APPLY, StepType.DESTROY} else 100,
        attempt_number=1,
        attempt_id=_NOT_YET,
    )
    in_secret = conf.token_secret != "never"  # noqa: S105 - a word of the setting, no secret
    try:
        place = place_for(pod.cluster, workspace.organization_id, conf)
    except NoCluster:
        if ask_cluster:
            raise
        # The policy says that there is no such cluster for the organization.
        place = Place(name=pod.cluster, conf=conf)
    conf = place.conf
    if ask_cluster:
        with calling(place) as api:
            in_secret = kubernetes_job.token_in_secret(api, conf)
            claim_exists = api.claim_exists(conf.namespace, pod.plugin_cache_claim) if pod.plugin_cache_dir else None
    name = manifest.job_name(identity)
    data = manifest.SecretData(secret_name=name) if in_secret else manifest.InlineData(HIDDEN)
    return manifest.job_manifest(
        identity,
        pod,
        conf,
        data,
        plugin_cache_claim_exists=claim_exists,
        may_change=step_type in EXCLUSIVE_TYPES,
    )
