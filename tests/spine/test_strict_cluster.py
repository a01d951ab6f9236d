"""Plan and apply in a namespace of a strict cluster: restricted pods, quota, limits, a uid of its own, a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from kubernetes import client

from executors.logs import store
from executors.models import Attempt
from tests.spine.cluster import Cluster, Object
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site
from tests.spine.waiting import await_that
from workspaces.choices import JobStatus

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis]

UID = 1000650000
"""As OpenShift chooses it for a namespace."""
FLOW = """
flow:
  - {type: terraformPlan, name: Plan, step: 100}
  - type: terraformApply
    name: Apply
    step: 200
    commands:
      - runtime: BASH
        priority: 1
        before: true
        script: |
          echo "user $(id -u), group $(id -g)"
          echo "ssh: $(ssh -T -o BatchMode=yes -p 9 127.0.0.1 2>&1)"
"""
CONFIGURATION = 'resource "terraform_data" "one" {}\n'
STRICT = {
    "EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT": f"runAsUser={UID};fsGroup=none",
    "EPHEMERAL_CONFIG_LABELS_PLAN": "stage=plan",
    "EPHEMERAL_CONFIG_LABELS_APPLY": "stage=apply",
    "EPHEMERAL_MEMORY_LIMIT_APPLY": "600Mi",
}
WORDS = "the team forbids this stage"


@pytest.fixture(scope="module")
def site(make_site: SiteMaker, cluster_api: client.ApiClient) -> Iterator[Site]:
    with make_site(optional_role=True) as site:
        core, name = client.CoreV1Api(cluster_api), site.namespace
        labels: Any = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
        core.patch_namespace(name, labels)
        default = {"memory": "500Mi", "cpu": "1"}
        limits = [{"type": "Container", "default": default, "defaultRequest": {"memory": "64Mi"}}]
        ranges: Any = {"metadata": {"name": "defaults"}, "spec": {"limits": limits}}
        core.create_namespaced_limit_range(name, ranges)
        hard = {"pods": "1", "limits.memory": "1Gi", "limits.cpu": "2"}
        quota: Any = {"metadata": {"name": "small"}, "spec": {"hard": hard}}
        core.create_namespaced_resource_quota(name, quota)
        admission = client.AdmissionregistrationV1Api(cluster_api)
        _forbid(admission, name)
        try:
            site.start()
            yield site
        finally:
            admission.delete_validating_admission_policy_binding(name)
            admission.delete_validating_admission_policy(name)


def _forbid(admission: client.AdmissionregistrationV1Api, namespace: str) -> None:
    """Refuse Jobs of the namespace that have the label stage=forbidden."""
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    jobs = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
    refused = "'stage' in object.metadata.labels && object.metadata.labels.stage == 'forbidden'"
    spec = {
        "matchConstraints": {"namespaceSelector": selector, "resourceRules": [jobs]},
        "validations": [{"expression": f"!({refused})", "message": WORDS, "reason": "Forbidden"}],
    }
    metadata = {"name": namespace}
    policy: Any = {"metadata": metadata, "spec": spec}
    binding: Any = {"metadata": metadata, "spec": {"policyName": namespace, "validationActions": ["Deny"]}}
    admission.create_validating_admission_policy(policy)
    admission.create_validating_admission_policy_binding(binding)


def test_plan_and_apply_run_with_settings_of_their_own_under_all_that_a_strict_cluster_asks(
    site: Site, look: Callable[[Site], Cluster]
) -> None:
    job = site.job(site.workspace({"main.tf": CONFIGURATION}, environment=STRICT), FLOW)
    pods: dict[str, Object] = {}
    for stage in ("plan", "apply"):
        # Quota and cluster let one pod of the two be there at a time.
        (pods[stage],) = await_that(partial(look(site).pods, f"stage={stage}"), f"the pod of {stage}", 60)
    site.await_status(job, JobStatus.COMPLETED, seconds=120)
    for pod, memory in ((pods["plan"], "500Mi"), (pods["apply"], "600Mi")):
        assert pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == memory
        context = pod["spec"]["securityContext"]
        assert (context["runAsUser"], context["runAsNonRoot"], "fsGroup" in context) == (UID, True, False)
        assert pod["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}
    log = store.read_log(Attempt.objects.get(step__job=job, step__type="terraformApply")).data.decode()
    assert f"user {UID}, group 0" in log
    # Without a name of its user ssh would not even try.
    assert "ssh: ssh: connect to host 127.0.0.1 port 9: Connection refused" in log
    assert "1 added" in log


def test_a_job_that_a_policy_of_the_cluster_refuses_fails_with_the_policys_words(
    site: Site, look: Callable[[Site], Cluster]
) -> None:
    workspace = site.workspace(environment={**STRICT, "EPHEMERAL_CONFIG_LABELS_PLAN": "stage=forbidden"})
    job = site.await_status(site.job(workspace, FLOW), JobStatus.FAILED)
    assert job.reason_code == "cluster-policy"
    assert WORDS in job.reason
    assert look(site).pods_of(job) == []
