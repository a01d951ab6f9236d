"""Ways out of a pod by writing a variable: each refused, for somebody who may write the variables of a workspace.

No record of a policy is needed for any of them. They are refused when they are saved, and once more when a step is
launched with a variable that was written around the services.
"""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User

from executors.launching import launcher
from executors.models import Attempt
from tests.api.client import Api, token_of
from tests.factories import (
    PLAN,
    GlobalVariableFactory,
    TeamFactory,
    TemplateFactory,
    VariableFactory,
    WorkspaceFactory,
    member,
)
from workspaces.choices import Category, JobStatus
from workspaces.errors import InvalidInput
from workspaces.jobs import transitions
from workspaces.models import Job, PolicyRule, Team, Template, Workspace
from workspaces.pods import SETTINGS
from workspaces.pods.catalogue import STEP_SETTINGS
from workspaces.services import workspaces
from workspaces.services.ephemeral import change_settings
from workspaces.services.jobs import create_job
from workspaces.services.policy import create_rule

pytestmark = pytest.mark.django_db

ENABLE = "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR"
ACCOUNT = "EPHEMERAL_CONFIG_SERVICE_ACCOUNT"
CLAIM = "PVC_CLAIM_NAME"

HOSTILE: list[tuple[str, str, str]] = [
    # The worker's own machine in place of a pod, where the installation runs in a cluster.
    (ENABLE, "0", 'is locked to "1" by the built-in rules'),
    (ENABLE, "", 'is locked to "1" by the built-in rules'),
    # The account by which the site starts pods, also under the guide's name, and one of another namespace.
    (ACCOUNT, "terrakube-api-service-account", "is refused by the built-in rules"),
    (ACCOUNT, "site-account", "is refused by the built-in rules"),
    (ACCOUNT, "kube-system/default", "must contain only lowercase letters"),
    (ACCOUNT, "system:serviceaccount:kube-system:admin", "must contain only lowercase letters"),
    # The nodes of the control plane, and all nodes.
    ("EPHEMERAL_CONFIG_TOLERATIONS", "node-role.kubernetes.io/control-plane", "is refused by the built-in rules"),
    ("EPHEMERAL_CONFIG_TOLERATIONS", "a;node-role.kubernetes.io/master:Exists:NoSchedule", "is refused"),
    ("EPHEMERAL_CONFIG_TOLERATIONS", "node-role.kubernetes.io/etcd=true:Equal:NoExecute", "is refused"),
    ("EPHEMERAL_CONFIG_TOLERATIONS", ":Exists", "would tolerate every taint"),
    ("EPHEMERAL_CONFIG_TOLERATIONS", "", "would tolerate every taint"),
    ("EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", "node-role.kubernetes.io/control-plane=", "is refused by the built-in"),
    ("EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", "a=b;node-role.kubernetes.io/master=true", "is refused by the built-in"),
    # Root and more.
    ("EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT", "runAsUser=0", "is refused by the built-in rules"),
    ("EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT", "runAsUser=000", "is refused by the built-in rules"),
    ("EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT", "runAsNonRoot=False", "is refused by the built-in rules"),
    ("EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT", "runAsUser=-1", "must be a whole number"),
    ("EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT", "hostPID=true", "is unknown; allowed"),
    ("EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT", "seccompProfile=Unconfined", "is unknown; allowed"),
    ("EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT", "sysctls=kernel.shm_rmid_forced", "is unknown; allowed"),
    ("EPHEMERAL_CONFIG_SECURITY_CONTEXT", "allowPrivilegeEscalation=true", "is refused by the built-in rules"),
    ("EPHEMERAL_CONFIG_SECURITY_CONTEXT", "allowPrivilegeEscalation=TRUE", "is refused by the built-in rules"),
    ("EPHEMERAL_CONFIG_SECURITY_CONTEXT", "privileged=true", "is unknown; allowed"),
    ("EPHEMERAL_CONFIG_SECURITY_CONTEXT", "capabilities=SYS_ADMIN", "is unknown; allowed"),
    ("EPHEMERAL_CONFIG_SECURITY_CONTEXT", '{"privileged": true}', "is reserved for a longer form"),
    # Annotations that take a pod's isolation away, and labels by which the site's own service would find it.
    (
        "EPHEMERAL_CONFIG_POD_ANNOTATIONS",
        "container.apparmor.security.beta.kubernetes.io/executor=unconfined",
        "is ref",
    ),
    ("EPHEMERAL_CONFIG_POD_ANNOTATIONS", "seccomp.security.alpha.kubernetes.io/pod=unconfined", "is refused"),
    ("EPHEMERAL_CONFIG_POD_ANNOTATIONS", "a=b;io.kubernetes.cri-o.userns-mode=host", "is refused"),
    ("EPHEMERAL_CONFIG_POD_ANNOTATIONS", "k8s.v1.cni.cncf.io/networks=storage/backbone", "is refused"),
    ("EPHEMERAL_CONFIG_ANNOTATIONS", "../x=y", "must have a lowercase DNS name"),
    ("EPHEMERAL_CONFIG_LABELS", "app.kubernetes.io/component=web", "is refused by the built-in rules"),
    ("EPHEMERAL_CONFIG_LABELS", "app.kubernetes.io/name=terrakube-site", "is refused by the built-in rules"),
    ("EPHEMERAL_CONFIG_LABELS", "terrakube.io/attempt=another", "the cluster sets"),
    ("EPHEMERAL_CONFIG_LABELS", "batch.kubernetes.io/job-name=another", "the cluster sets"),
    # A cluster that nobody added.
    ("EPHEMERAL_CONFIG_CLUSTER", "nowhere", "is not allowed by the built-in rules; allowed: default"),
    ("EPHEMERAL_CONFIG_CLUSTER", "../east", "must contain only lowercase letters"),
    # Another namespace, the node's files, and what the image and the kubelet put there.
    ("EPHEMERAL_CONFIG_MAP_NAME", "kube-system/extension", "must contain only lowercase letters"),
    ("EPHEMERAL_CONFIG_MAP_NAME", "../secrets/keys", "must contain only lowercase letters"),
    ("EPHEMERAL_CONFIG_MAP_MOUNT_PATH", "/proc/sys/kernel", "would hide"),
    ("EPHEMERAL_CONFIG_MAP_MOUNT_PATH", "/data/../etc", "must not contain '//'"),
    ("EPHEMERAL_CONFIG_MAP_MOUNT_PATH", "/usr/bin", "would hide"),
    ("EPHEMERAL_CONFIG_MAP_MOUNT_PATH", "/home/terrakube", "would hide"),
    ("EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP", "a,other-namespace/b", "must contain only lowercase letters"),
    ("TF_PLUGIN_CACHE_DIR", "/", "would hide"),
    ("TF_PLUGIN_CACHE_DIR", "/var/run", "would hide"),
    ("TF_PLUGIN_CACHE_DIR", "cache", "must be an absolute path"),
    (CLAIM, "terrakube-data", "is not allowed by the built-in rules; allowed: cache-*"),
    (CLAIM, "other-namespace/cache", "must contain only lowercase letters"),
    # What the executor is told by the site alone.
    ("EPHEMERAL_JOB_ENV_VARS", "EphemeralJobData=e30=", "is set by the executor"),
    ("EPHEMERAL_JOB_ENV_VARS", "EphemeralFlagBatch=false", "is set by the executor"),
    ("EPHEMERAL_JOB_ENV_VARS", "A\0B=c", "must contain only letters"),
    # Amounts that a scheduler takes for something else.
    ("EPHEMERAL_CPU_REQUEST", "-1", "must not be negative"),
    ("EPHEMERAL_CPU_LIMIT", "1e400", "must be a Kubernetes quantity"),
    ("EPHEMERAL_MEMORY_REQUEST", "512m", "must be a whole number of bytes"),
    ("EPHEMERAL_MEMORY_LIMIT", "unlimited", "must be a Kubernetes quantity"),
    ("EPHEMERAL_STORAGE_REQUEST", "1Gi;hostPath=/", "must be a Kubernetes quantity"),
    ("EPHEMERAL_STORAGE_LIMIT", "-1Gi", "must not be negative"),
    # Names that Kubernetes knows and Terrakube does not.
    ("EPHEMERAL_CONFIG_HOST_NETWORK", "true", "is unknown"),
    ("EPHEMERAL_CONFIG_HOST_PATH", "/var/run/docker.sock", "is unknown"),
    ("EPHEMERAL_CONFIG_NAMESPACE", "kube-system", "is unknown"),
    ("EPHEMERAL_CONFIG_IMAGE", "attacker/image", "is unknown"),
]
KNOWN = [case for case in HOSTILE if case[0] in SETTINGS]


@pytest.fixture(autouse=True)
def in_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation in pods of its own, under the account site-account, with claims for caches alone."""
    monkeypatch.setattr("workspaces.pods.policy.installed.own_account", lambda: "site-account")
    monkeypatch.setattr("django.conf.settings.EPHEMERAL_CLAIMS", ("cache-*",))


@pytest.fixture
def team() -> Team:
    return TeamFactory.create(manage_workspace=True, plan_job=True, manage_job=True)


@pytest.fixture
def editor(team: Team) -> User:
    return member(team)


@pytest.fixture
def workspace(team: Team) -> Workspace:
    return WorkspaceFactory.create(organization=team.organization, branch="remote-content", source="empty")


def launched(workspace: Workspace, tcl: str = PLAN, template: Template | None = None) -> Attempt:
    """The attempt at a step that the launcher was told to launch, with no cluster to launch it in."""
    job: Job = create_job(workspace, by=None, tcl="" if template else tcl, template=template)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    assert launcher.launch_due_attempt(step_id) is False
    job.refresh_from_db()
    assert job.status == JobStatus.FAILED
    return Attempt.objects.get(step_id=step_id)


def test_the_table_has_every_variable() -> None:
    assert {name for name, _, _ in KNOWN} == set(SETTINGS)


@pytest.mark.parametrize(("name", "text", "words"), HOSTILE)
def test_an_editor_cannot_save_it(workspace: Workspace, editor: User, name: str, text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        workspaces.set_variable(workspace, by=editor, key=name, value=text, category=Category.ENV)
    assert words in caught.value.message
    assert name in caught.value.message
    if name in SETTINGS:
        with pytest.raises(InvalidInput) as caught:
            change_settings(workspace, {name: text}, by=editor)
        assert words in caught.value.message
    assert not workspace.variables.exists()


@pytest.mark.parametrize(("name", "text", "words"), KNOWN)
def test_a_step_with_it_is_not_launched(workspace: Workspace, name: str, text: str, words: str) -> None:
    VariableFactory.create(workspace=workspace, key=name, value=text)
    attempt = launched(workspace)
    assert attempt.reason_code in {"policy", "bad-settings"}
    assert words in attempt.reason
    assert attempt.launched_at is None


@pytest.mark.parametrize(
    ("name", "text", "words"), [case for case in KNOWN if "refused by the built-in rules" in case[2]]
)
def test_the_api_refuses_it_with_the_same_words(
    workspace: Workspace, team: Team, name: str, text: str, words: str
) -> None:
    api = Api(token_of(team.name))
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}/variable"
    answer = api.post(path, "variable", {"key": name, "value": text, "category": "ENV", "hcl": False})
    assert answer.status_code == 400
    assert words in json.loads(answer.content)["errors"][0]["detail"]
    assert not workspace.variables.exists()


def test_a_setting_of_one_step_type_opens_no_other_way(workspace: Workspace, editor: User) -> None:
    for name, text, words in KNOWN:
        own = f"{name}_PLAN"
        if own not in STEP_SETTINGS:
            continue
        with pytest.raises(InvalidInput) as caught:
            workspaces.set_variable(workspace, by=editor, key=own, value=text, category=Category.ENV)
        assert words in caught.value.message
    VariableFactory.create(workspace=workspace, key=ACCOUNT, value="tf-net")
    VariableFactory.create(workspace=workspace, key=f"{ACCOUNT}_PLAN", value="site-account")
    assert launched(workspace).reason_code == "policy"


def test_a_flow_that_maps_another_name_to_a_setting_is_refused_at_the_launch(workspace: Workspace) -> None:
    GlobalVariableFactory.create(organization=workspace.organization, key="HARMLESS", value="site-account")
    flow = f"flow:\n  - type: terraformPlan\n    step: 100\n    inputsEnv: {{{ACCOUNT}: $HARMLESS, {ENABLE}: $ON}}\n"
    attempt = launched(workspace, tcl=flow)
    assert attempt.reason_code == "policy"
    assert f'{ACCOUNT}: "site-account" is refused by the built-in rules (site-account).' in attempt.reason


def test_a_rule_that_is_newer_than_the_variable_counts_at_the_launch(workspace: Workspace, editor: User) -> None:
    workspaces.set_variable(workspace, by=editor, key="EPHEMERAL_MEMORY_LIMIT", value="64Gi", category=Category.ENV)
    create_rule(
        PolicyRule(
            organization=workspace.organization,
            setting="EPHEMERAL_MEMORY_LIMIT",
            maximum="8Gi",
            reason="Larger nodes are asked for at the platform team.",
        ),
        by=None,
    )
    attempt = launched(workspace)
    assert (attempt.reason_code, attempt.job_uid) == ("policy", "")
    assert attempt.reason == (
        'EPHEMERAL_MEMORY_LIMIT: "64Gi" is more than 8Gi, the maximum of the policy of the organization. '
        "Larger nodes are asked for at the platform team."
    )
    assert attempt.reason in attempt.step.job.reason


def test_without_a_cluster_steps_may_run_beside_the_worker(
    workspace: Workspace, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workspaces.pods.policy.installed.own_account", lambda: None)
    variable = workspaces.set_variable(workspace, by=editor, key=ENABLE, value="0", category=Category.ENV)
    assert variable.value == "0"
    monkeypatch.setattr("django.conf.settings.EXECUTOR_LOCAL", "no")
    with pytest.raises(InvalidInput):
        workspaces.set_variable(workspace, by=editor, key=ENABLE, value="0", category=Category.ENV)


def test_accounts_are_those_of_the_installations_list_where_it_has_one(
    workspace: Workspace, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.conf.settings.EPHEMERAL_SERVICE_ACCOUNTS", ("tf-*", "site-account"))
    change_settings(workspace, {ACCOUNT: "tf-net"}, by=editor)
    for name in ("admin", "site-account"):
        with pytest.raises(InvalidInput):
            change_settings(workspace, {ACCOUNT: name}, by=editor)
    monkeypatch.setattr("django.conf.settings.EPHEMERAL_SERVICE_ACCOUNTS", ())
    with pytest.raises(InvalidInput):
        change_settings(workspace, {ACCOUNT: "tf-net"}, by=editor)


def test_root_is_let_in_by_the_installation_alone(
    workspace: Workspace, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.conf.settings.EPHEMERAL_ALLOW_ROOT", True)
    change_settings(workspace, {"EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT": "runAsUser=0"}, by=editor)
    assert workspace.variables.count() == 1


def test_a_template_cannot_reach_around_the_rules_either(workspace: Workspace) -> None:
    template = TemplateFactory.create(
        organization=workspace.organization,
        tcl=f"flow:\n  - type: terraformPlan\n    step: 100\n    inputsEnv: {{{CLAIM}: $C, TF_PLUGIN_CACHE_DIR: $D}}\n",
    )
    GlobalVariableFactory.create(organization=workspace.organization, key="C", value="terrakube-data")
    GlobalVariableFactory.create(organization=workspace.organization, key="D", value="/cache")
    attempt = launched(workspace, template=template)
    assert attempt.reason.startswith(f'{CLAIM}: "terrakube-data" is not allowed by the built-in rules')
