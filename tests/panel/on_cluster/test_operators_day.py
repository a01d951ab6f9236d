"""What operators do in the panel, done in a real browser on a real cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from executors.models import Attempt
from tests.factories import PLAN_APPROVE_APPLY, TemplateFactory, WorkspaceFactory
from tests.spine.cluster import Cluster, Object
from tests.spine.site import Site
from tests.spine.sources import archive
from tests.spine.waiting import await_that
from tests.support.patience import patient
from tests.support.visits import Visitor, wait_for
from workspaces.choices import JobStatus
from workspaces.models import Job, Organization, Template, Workspace
from workspaces.pods import SETTINGS
from workspaces.pods.catalogue import ENABLE

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.browser,
    pytest.mark.timeout(patient(180)),
]
STEP_MILLISECONDS = patient(60_000)
SCHEDULING_MILLISECONDS = patient(10_000)
SAVE = re.compile("^Save$")
HELLO = """
variable "key" {
  type      = string
  sensitive = true
  default   = "not for everybody"
}
resource "terraform_data" "greeting" { input = "Hello from a pod" }
output "greeting" { value = terraform_data.greeting.output }
output "key" {
  value     = var.key
  sensitive = true
}
"""
SLOW = """
resource "terraform_data" "slow" {
  provisioner "local-exec" { command = "for n in $(seq 100); do echo tick $n; sleep 1; done" }
}
"""
NOTHING = """
flow:
  - type: customScripts
    name: Nothing
    step: 100
    commands: [{runtime: BASH, priority: 1, script: "true"}]
"""


def page_of(workspace: Workspace) -> str:
    return reverse("admin:workspaces_workspace_pods", args=[workspace.pk])


def setting(page: Page, name: str) -> Locator:
    return page.locator(f"#setting-{name}")


def started_job(page: Page) -> Job:
    """The job that was just started from the page of its workspace."""
    expect(page).to_have_url(re.compile(r"/job/\d+/change/"))
    return Job.objects.get(pk=int(page.url.rstrip("/").split("/")[-2]))


def test_an_organization_and_a_workspace_are_made_and_a_wrong_toleration_is_mended(
    operator: Visitor, site: Site, cluster: Cluster
) -> None:
    page = operator.page
    operator.open(reverse("admin:workspaces_organization_add"))
    page.get_by_label("Name").fill("astronomy")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    organization = Organization.objects.get(name="astronomy")

    operator.open(f"{reverse('admin:workspaces_workspace_add')}?organization={organization.pk}")
    page.get_by_label("Name").fill("telescope")
    page.get_by_label("Source").fill("empty")
    page.get_by_label("Branch").fill("remote-content")
    page.get_by_label("Version").fill("1.11.4")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("telescope was created")).to_be_visible()
    operator.open(page_of(organization.workspaces.get()))

    page.locator(".tk-segments").get_by_text("On", exact=True).click()
    tolerations = setting(page, "EPHEMERAL_CONFIG_TOLERATIONS")
    tolerations.get_by_role("button", name="Add a toleration").click()
    tolerations.get_by_label("Taint key").fill("dedicated")
    tolerations.get_by_label("Operator").select_option("Equal")
    value = tolerations.get_by_label("Value")
    value.fill("deep;sky")
    page.get_by_role("button", name=SAVE).click()
    refusal = value.evaluate("field => field.validationMessage")
    assert refusal == "A ';' separates entries and cannot be part of one."
    expect(value).to_have_value("deep;sky")
    value.fill("deep sky")
    page.get_by_role("button", name=SAVE).click()
    expect(tolerations.locator(".tk-error")).to_contain_text("key[=value][:operator[:effect]]")
    expect(tolerations.get_by_label("Value")).to_have_value("deep sky")
    workspace = organization.workspaces.get()
    assert not workspace.variables.exists(), "what is wrong is not kept"

    tolerations.get_by_label("Value").fill("deep-sky")
    page.get_by_role("button", name=SAVE).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    stored = dict(workspace.variables.values_list("key", "value"))
    assert stored == {
        "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR": "1",
        "EPHEMERAL_CONFIG_TOLERATIONS": "dedicated=deep-sky:Equal:NoSchedule",
    }

    page.get_by_role("link", name="Show the Kubernetes Job").click()
    expect(page.locator("#preview-yaml")).to_contain_text("value: deep-sky")
    page.get_by_role("button", name="Ask the cluster").click()
    expect(page.get_by_text(f"The cluster would accept this Job in namespace {site.namespace}.")).to_be_visible()
    assert cluster.jobs() == [], "asking creates nothing"


def _pairs(page: Page, name: str, pairs: Mapping[str, str]) -> None:
    for key, value in pairs.items():
        setting(page, name).get_by_role("button", name="Add a pair").click()
        row = setting(page, name).locator(".tk-row").last
        row.get_by_label("Key").fill(key)
        row.get_by_label("Value").fill(value)


def _amount(page: Page, name: str, amount: str, unit: str) -> None:
    setting(page, name).get_by_label("Amount").fill(amount)
    setting(page, name).get_by_label("Unit").select_option(unit)


def _text(page: Page, name: str, text: str) -> None:
    page.locator(f"#id_ephemeral-{name}").fill(text)


def _set_everything(page: Page) -> None:
    page.locator(".tk-segments").get_by_text("On", exact=True).click()
    _text(page, "EPHEMERAL_CONFIG_CLUSTER", "default")
    _pairs(page, "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", {"kubernetes.io/os": "linux"})
    _pairs(page, "EPHEMERAL_CONFIG_LABELS", {"team": "net"})
    _pairs(page, "EPHEMERAL_CONFIG_ANNOTATIONS", {"owner": "net", "note": "a=b"})
    _pairs(page, "EPHEMERAL_CONFIG_POD_ANNOTATIONS", {"sidecar.istio.io/inject": "false"})
    _pairs(page, "EPHEMERAL_JOB_ENV_VARS", {"GREETING": "hello you"})
    tolerations = setting(page, "EPHEMERAL_CONFIG_TOLERATIONS")
    tolerations.get_by_role("button", name="Add a toleration").click()
    tolerations.get_by_label("Taint key").fill("spot")
    _text(page, "EPHEMERAL_CONFIG_SERVICE_ACCOUNT", "tf-runner")
    security = setting(page, "EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT")
    for name, text in (("fsGroup", "2000"), ("runAsUser", "1001")):
        security.get_by_label(name, exact=True).fill(text)
    security.get_by_label("runAsNonRoot").select_option("true")
    setting(page, "EPHEMERAL_CONFIG_SECURITY_CONTEXT").get_by_label("allowPrivilegeEscalation").select_option("false")
    _text(page, "EPHEMERAL_CONFIG_MAP_NAME", "tf-files")
    _text(page, "EPHEMERAL_CONFIG_MAP_MOUNT_PATH", "/etc/tf")
    _text(page, "EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP", "executor-config")
    _text(page, "TF_PLUGIN_CACHE_DIR", "/cache")
    _text(page, "PVC_CLAIM_NAME", "provider-cache")
    for name, amount, unit in (
        ("EPHEMERAL_CPU_REQUEST", "10", "m"),
        ("EPHEMERAL_CPU_LIMIT", "2", ""),
        ("EPHEMERAL_MEMORY_REQUEST", "16", "Mi"),
        ("EPHEMERAL_MEMORY_LIMIT", "1", "Gi"),
        ("EPHEMERAL_STORAGE_REQUEST", "1", "Mi"),
        ("EPHEMERAL_STORAGE_LIMIT", "1", "Gi"),
    ):
        _amount(page, name, amount, unit)


def _seen(job: Object, pod: Object) -> dict[str, Any]:
    spec = pod["spec"]
    (container,) = spec["containers"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    return {
        "EPHEMERAL_CONFIG_CLUSTER": job["metadata"]["labels"]["app.kubernetes.io/managed-by"],
        "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS": spec["nodeSelector"],
        "EPHEMERAL_CONFIG_TOLERATIONS": [row for row in spec["tolerations"] if row["key"] == "spot"],
        "EPHEMERAL_CONFIG_SERVICE_ACCOUNT": spec["serviceAccountName"],
        "EPHEMERAL_CONFIG_LABELS": (job["metadata"]["labels"]["team"], pod["metadata"]["labels"]["team"]),
        "EPHEMERAL_CONFIG_ANNOTATIONS": job["metadata"]["annotations"],
        "EPHEMERAL_CONFIG_POD_ANNOTATIONS": pod["metadata"]["annotations"]["sidecar.istio.io/inject"],
        "EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT": {
            name: spec["securityContext"][name] for name in ("fsGroup", "runAsUser", "runAsNonRoot")
        },
        "EPHEMERAL_CONFIG_SECURITY_CONTEXT": container["securityContext"]["allowPrivilegeEscalation"],
        "EPHEMERAL_CONFIG_MAP_NAME": volumes["config-volume"]["configMap"]["name"],
        "EPHEMERAL_CONFIG_MAP_MOUNT_PATH": mounts["config-volume"],
        "EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP": container["envFrom"],
        "EPHEMERAL_JOB_ENV_VARS": [row["value"] for row in container["env"] if row["name"] == "GREETING"],
        "TF_PLUGIN_CACHE_DIR": mounts["tf-plugin-volume"],
        "PVC_CLAIM_NAME": volumes["tf-plugin-volume"]["persistentVolumeClaim"]["claimName"],
        **{
            f"EPHEMERAL_{name}_{kind}": container["resources"][f"{kind.lower()}s"][resource]
            for name, resource in (("CPU", "cpu"), ("MEMORY", "memory"), ("STORAGE", "ephemeral-storage"))
            for kind in ("REQUEST", "LIMIT")
        },
    }


EXPECTED = {
    # It is in the namespace of the settings, where the test finds it.
    "EPHEMERAL_CONFIG_CLUSTER": "terrakube-site",
    "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS": {"kubernetes.io/os": "linux"},
    "EPHEMERAL_CONFIG_TOLERATIONS": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
    "EPHEMERAL_CONFIG_SERVICE_ACCOUNT": "tf-runner",
    "EPHEMERAL_CONFIG_LABELS": ("net", "net"),
    "EPHEMERAL_CONFIG_ANNOTATIONS": {"owner": "net", "note": "a=b"},
    "EPHEMERAL_CONFIG_POD_ANNOTATIONS": "false",
    "EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT": {"fsGroup": 2000, "runAsUser": 1001, "runAsNonRoot": True},
    "EPHEMERAL_CONFIG_SECURITY_CONTEXT": False,
    "EPHEMERAL_CONFIG_MAP_NAME": "tf-files",
    "EPHEMERAL_CONFIG_MAP_MOUNT_PATH": "/etc/tf",
    "EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP": [{"configMapRef": {"name": "executor-config"}}],
    "EPHEMERAL_JOB_ENV_VARS": ["hello you"],
    "TF_PLUGIN_CACHE_DIR": "/cache",
    "PVC_CLAIM_NAME": "provider-cache",
    "EPHEMERAL_CPU_REQUEST": "10m",
    "EPHEMERAL_CPU_LIMIT": "2",
    "EPHEMERAL_MEMORY_REQUEST": "16Mi",
    "EPHEMERAL_MEMORY_LIMIT": "1Gi",
    "EPHEMERAL_STORAGE_REQUEST": "1Mi",
    "EPHEMERAL_STORAGE_LIMIT": "1Gi",
}


def test_every_setting_is_entered_by_its_control_and_found_in_the_pod(
    operator: Visitor, site: Site, cluster: Cluster
) -> None:
    workspace = site.workspace({"main.tf": HELLO}, on_cluster=False)
    page = operator.page
    operator.open(page_of(workspace))
    _set_everything(page)
    page.get_by_role("button", name=SAVE).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert set(workspace.variables.values_list("key", flat=True)) == SETTINGS.keys()

    job = site.job(workspace, NOTHING)
    attempt = await_that(lambda: Attempt.objects.filter(step__job=job).first(), "there is an attempt")
    pod = cluster.pod_of(attempt)
    assert EXPECTED.keys() | {ENABLE} == SETTINGS.keys()
    assert _seen(cluster.job_of(attempt), pod) == EXPECTED
    # The claim has no volume: the pod waits, and the page of the job says for what.
    operator.open(reverse("admin:workspaces_job_change", args=[job.pk]))
    expect(page.locator("#run-state")).to_contain_text(
        "unbound immediate PersistentVolumeClaims", timeout=SCHEDULING_MILLISECONDS
    )
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("#run-state")).to_contain_text("Cancelled")


def test_a_job_is_followed_live_and_approved_and_its_outputs_are_seen(operator: Visitor, site: Site) -> None:
    workspace = site.workspace({"main.tf": HELLO})
    Template.objects.create(organization=site.organization, name="With approval", tcl=PLAN_APPROVE_APPLY)
    page = operator.page
    operator.open(page_of(workspace))
    page.get_by_role("link", name="Start a job").click()
    page.get_by_label("Template").select_option("With approval")
    page.get_by_label("Comment").fill("First light")
    page.get_by_role("button", name="Start the job").click()
    job = started_job(page)

    state, results = page.locator("#run-state"), page.locator("#run-results")
    expect(state).to_contain_text("Waiting for approval", timeout=STEP_MILLISECONDS)
    expect(page).to_have_title(re.compile("^Waiting for approval"))
    wait_for(page, "window.terrakubeLog.text().includes('Plan: 1 to add')", milliseconds=STEP_MILLISECONDS)
    expect(results).to_contain_text("1 to add")
    expect(page.locator("#run-steps")).to_contain_text(f"job-{job.pk}-100-1")

    page.get_by_label("Comment", exact=True).fill("looks right")
    page.get_by_role("button", name="Approve").click()
    expect(state).to_contain_text("Completed", timeout=STEP_MILLISECONDS)
    wait_for(page, "window.terrakubeLog.text().includes('Apply complete!')", milliseconds=STEP_MILLISECONDS)
    expect(results).to_contain_text("Hello from a pod")
    expect(results).to_contain_text("(sensitive)")
    expect(page.locator("body")).not_to_contain_text("not for everybody")
    expect(page.locator("#run-steps")).to_contain_text("approved by root@site.example")


def test_a_running_apply_is_cancelled(operator: Visitor, site: Site, cluster: Cluster) -> None:
    job = site.job(site.workspace({"main.tf": SLOW}), PLAN_APPROVE_APPLY)
    page = operator.page
    operator.open(reverse("admin:workspaces_job_change", args=[job.pk]))
    page.get_by_role("button", name="Approve").click(timeout=STEP_MILLISECONDS)
    wait_for(page, "window.terrakubeLog.text().includes('tick 2')", milliseconds=STEP_MILLISECONDS)

    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("#run-state")).to_contain_text("Cancelled by root@site.example")
    wait_for(page, "document.getElementById('log').dataset.over === '1'", milliseconds=STEP_MILLISECONDS)
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    await_that(lambda: not Job.objects.get(pk=job.pk).holds_workspace, "the workspace is free again", 40)


def test_a_pod_that_no_node_can_take_is_explained_while_it_waits(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(environment={"EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS": "disk=quantum"})
    job = site.job(workspace, NOTHING)
    page = operator.page
    operator.open(reverse("admin:workspaces_job_change", args=[job.pk]))
    expect(page.locator("#run-state")).to_contain_text(
        "didn't match Pod's node affinity/selector", timeout=SCHEDULING_MILLISECONDS
    )
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("#run-state")).to_contain_text("Cancelled")


def test_a_viewer_sees_and_is_refused_what_they_may_not_do(viewer: Visitor, site: Site) -> None:
    workspace = site.workspace({"main.tf": HELLO})
    template = TemplateFactory.create(organization=site.organization)
    other = WorkspaceFactory.create()
    page = viewer.page
    viewer.open(page_of(workspace))
    expect(page.get_by_role("link", name="Start a job")).to_have_count(0)
    expect(page.get_by_role("button", name=SAVE)).to_have_count(0)
    expect(page.locator(".tk-segments input").first).to_be_disabled()

    viewer.open(reverse("admin:workspaces_workspace_start", args=[workspace.pk]))
    page.get_by_label("Template").select_option(template.name)
    page.get_by_role("button", name="Start the job").click()
    expect(page.get_by_role("alert")).to_contain_text("may not start a job")
    assert not workspace.jobs.exists()

    viewer.watch.expected |= {403, 404}
    for path in (reverse("admin:auth_user_changelist"), reverse("admin:workspaces_workspace_add")):
        viewer.open(path)
        expect(page.locator("body")).to_contain_text("403")
    viewer.open(page_of(other))
    expect(page.locator("body")).not_to_contain_text(other.name)


def test_a_source_is_uploaded_in_the_browser(operator: Visitor, site: Site) -> None:
    workspace = site.workspace({"main.tf": "not terraform"})
    page = operator.page
    operator.open(reverse("admin:workspaces_workspace_source", args=[workspace.pk]))
    page.get_by_label("A tar.gz of the configuration").set_input_files(
        {"name": "source.tar.gz", "mimeType": "application/gzip", "buffer": archive({"main.tf": HELLO})}
    )
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("The source was uploaded")).to_be_visible()
    assert workspace.configuration_versions.count() == 2
