"""The chart installed on a real cluster: the site in pods of its own, with the guide's account and Role alone.

The tests go through the life of one installation, in the order in which they stand here.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client

from tests.deploy.backups import documented, dump, restore
from tests.deploy.chart import CHART, NAME, NAMESPACE, RELEASE, helm, laid_over
from tests.deploy.databases import fresh_database
from tests.deploy.documented import commands
from tests.deploy.installation import (
    COMPONENTS,
    HELM_SECONDS,
    Gate,
    Installation,
    counted_all,
    images,
    servers,
)
from tests.spine.bell import Bell
from tests.spine.sources import git_server
from tests.spine.waiting import await_that
from tests.support.cluster import fresh_namespace
from tests.support.patience import patient

pytestmark = [pytest.mark.cluster, pytest.mark.helm, pytest.mark.postgres, pytest.mark.redis, pytest.mark.slow]

KEPT = {f"secret/{NAME}-keys"}
"""What the chart says that it leaves."""
KINDS = (
    "deployments,statefulsets,replicasets,pods,jobs,services,ingresses,secrets,configmaps,serviceaccounts,roles,"
    "rolebindings,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,persistentvolumeclaims,leases"
)


@pytest.fixture(scope="module")
def installation(
    cluster_api: client.ApiClient, kube_host: str, site_image: str, executor_image: str
) -> Iterator[Installation]:
    with fresh_namespace(cluster_api) as namespace, fresh_database() as database:
        made = Installation(namespace, kube_host, images(site_image, executor_image), servers())
        made.install(database)
        yield made


@pytest.fixture(scope="module")
def seeded(installation: Installation) -> dict[str, str]:
    """The example organization, workspace and template, and its administrator signed in."""
    found: dict[str, str] = json.loads(installation.manage("seed_example", "--ephemeral"))
    installation.sign_in(found["user"])
    return found


@pytest.fixture(scope="module")
def other_database() -> Iterator[str]:
    with fresh_database() as database:
        yield database


@pytest.fixture(scope="module")
def repository(kube_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with git_server(tmp_path_factory.mktemp("git"), kube_host, {}) as server:
        yield server.repository("empty", {"main.tf": "# nothing\n"}).url


def script(text: str) -> str:
    command = json.dumps({"runtime": "BASH", "priority": 1, "before": True, "script": text})
    return f"flow:\n  - type: customScripts\n    name: Script\n    step: 100\n    commands:\n      - {command}\n"


def new_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def assert_state_is_known(installation: Installation, seeded: dict[str, str]) -> None:
    """A plan of the example finds what was applied, so its state can be read."""
    flow = "flow:\n  - {type: terraformPlan, name: Plan, step: 100}\n"
    job = installation.start(seeded["organization"], seeded["workspace"], flow)
    installation.await_status(seeded["organization"], job, "completed", "noChanges")
    assert "No changes." in installation.log(seeded["organization"], job)


def test_the_charts_own_test_runs_one_step_with_the_guides_role_alone(installation: Installation) -> None:
    said = installation.helm("test", RELEASE, "--timeout", f"{HELM_SECONDS}s")
    assert "Phase:          Succeeded" in said
    roles = json.loads(installation.kubectl("get", "roles", "-o", "json"))["items"]
    assert [(role["metadata"]["name"], role["rules"][0]["resources"]) for role in roles] == [
        ("terrakube-api-role", ["jobs"])
    ]
    for component in COMPONENTS:
        for pod in installation.pods(component).values():
            assert pod["spec"]["serviceAccountName"] == "terrakube-api-service-account"


def test_a_plan_is_approved_and_applied(installation: Installation, seeded: dict[str, str]) -> None:
    organization = seeded["organization"]
    document = {
        "type": "job",
        "attributes": {"templateReference": seeded["template"]},
        "relationships": {"workspace": {"data": {"type": "workspace", "id": seeded["workspace"]}}},
    }
    job = str(installation.call("POST", f"/api/v1/organization/{organization}/job", document)["id"])
    installation.await_status(organization, job, "waitingApproval")
    installation.approve(organization, job)
    installation.await_status(organization, job, "completed")
    assert "Apply complete!" in installation.log(organization, job)
    assert len(installation.step_pods(job)) == 2


def test_an_upgrade_and_a_rollback_do_a_running_step_no_harm(
    installation: Installation, seeded: dict[str, str], repository: str, kube_host: str
) -> None:
    organization, gate = seeded["organization"], Gate(kube_host)
    workspace = installation.workspace(organization, repository)
    job = installation.start(organization, workspace, script(gate.counting()))
    await_that(lambda: "counted 3" in installation.log(organization, job), "the step writes", 40)
    (running,) = installation.step_pods(job)
    before = {uid for component in COMPONENTS for uid in installation.pods(component)}

    changed = laid_over(installation.values, {"api": {"podAnnotations": {"test/changed": "yes"}}})
    wait = ("--wait", "--timeout", f"{HELM_SECONDS}s")
    installation.helm("upgrade", RELEASE, str(CHART), *wait, values=changed)
    upgraded = {uid for component in COMPONENTS for uid in installation.pods(component)}
    assert upgraded
    assert not upgraded & before
    # A rollback is one of pods; what was encrypted meanwhile needs its key.
    rotated = [*installation.encryption_keys(), new_key()]
    installation.give_encryption_keys(*rotated)
    installation.helm("rollback", RELEASE, "1", *wait)
    assert installation.encryption_keys() == rotated
    rolled_back = {uid for component in COMPONENTS for uid in installation.pods(component)}
    assert rolled_back
    assert not rolled_back & upgraded

    with gate.opened():
        installation.await_status(organization, job, "completed")
    assert counted_all(installation.log(organization, job))
    assert [pod["metadata"]["uid"] for pod in installation.step_pods(job)] == [running["metadata"]["uid"]]


def test_each_process_may_be_told_to_end_at_any_time_and_nothing_is_lost(
    installation: Installation, seeded: dict[str, str], repository: str, kube_host: str
) -> None:
    organization, gate = seeded["organization"], Gate(kube_host)
    workspaces = [installation.workspace(organization, repository) for _ in range(4)]
    watched = installation.start(
        organization, installation.workspace(organization, repository), script(gate.counting())
    )
    await_that(lambda: "counted 3" in installation.log(organization, watched), "the step writes", 40)
    started = []
    with Bell(kube_host).serving() as bell:
        for component in COMPONENTS:
            # In the midst of their launches, and of the log of the other one.
            for workspace in workspaces:
                flow = script(bell.script(f"{component} {workspace}"))
                started.append((f"{component} {workspace}", installation.start(organization, workspace, flow)))
            codes = installation.exit_codes(
                f"app.kubernetes.io/component={component},app.kubernetes.io/instance={RELEASE}"
            )
            # One that hears no signal is killed at the end of its grace, and has 137.
            assert "137" not in codes, f"{component} ended with {codes}"
            for _, job in started[-len(workspaces) :]:
                installation.await_status(organization, job, "completed")
        rung = {text: bell.count(text) for text, _ in started}
    assert rung == {text: 1 for text, _ in started}
    with gate.opened():
        installation.await_status(organization, watched, "completed")
    assert counted_all(installation.log(organization, watched))


def test_the_commands_of_the_page_on_operations_run(installation: Installation, seeded: dict[str, str]) -> None:
    job = installation.start(seeded["organization"], seeded["workspace"], script("echo told"))
    installation.await_status(seeded["organization"], job, "completed")
    said: dict[str, str] = {}
    for command in (each for each in commands() if each.page == "operations.md"):
        line = " ".join(command.words).replace("<number>", job).replace("<id>", seeded["workspace"])
        words = [installation.namespace if word == NAMESPACE else word for word in line.split()]
        if command.program == "manage" and line not in said:
            said[line] = installation.kubectl("exec", f"deploy/{NAME}-worker", "--", "terrakube-site", "manage", *words)
        elif command.program == "kubectl":
            said[line] = installation.kubectl(*words)
            if words[2:4] == ["rollout", "restart"]:
                installation.await_rolled(*words[4:])
    assert len(said) >= 12
    (pods,) = (answer for line, answer in said.items() if "logs" in line and "terrakube.io/job=" in line)
    assert "Succeeded" in pods


def test_an_encryption_key_is_replaced_while_the_site_runs(installation: Installation, seeded: dict[str, str]) -> None:
    old, new = installation.encryption_keys(), new_key()
    installation.give_encryption_keys(*old, new)
    installation.roll()
    installation.give_encryption_keys(new, *old)
    installation.roll()
    installation.manage("rotate_keys")
    installation.manage("rotate_keys", "--check")
    installation.give_encryption_keys(new)
    installation.roll()
    assert_state_is_known(installation, seeded)


def test_values_may_repeat_the_secret_that_is_in_use_and_not_contradict_it(installation: Installation) -> None:
    def upgraded(secret: str) -> subprocess.CompletedProcess[str]:
        values = laid_over(installation.values, {"security": {"patSecret": secret}})
        where = ("--namespace", installation.namespace, "--dry-run=server")
        return helm("upgrade", RELEASE, str(CHART), *where, values=values)

    other = upgraded(new_key())
    assert other.returncode != 0
    assert f"security.patSecret is not what the Secret {NAME}-keys holds as PatSecret" in other.stderr
    held = installation.kubectl("get", "secret", f"{NAME}-keys", "-o", "jsonpath={.data.PatSecret}")
    same = upgraded(base64.b64decode(held).decode())
    assert same.returncode == 0, same.stderr


def test_an_installation_is_made_again_from_its_backup(
    installation: Installation, seeded: dict[str, str], other_database: str, tmp_path: Path
) -> None:
    dump(installation.database, tmp_path)
    keep = documented(f"kubectl --namespace {NAMESPACE} get secret").replace(NAMESPACE, installation.namespace, 1)
    subprocess.run(["bash", "-c", keep], cwd=tmp_path, check=True, timeout=patient(30))
    installation.helm("uninstall", RELEASE, "--wait", "--timeout", f"{HELM_SECONDS}s")
    installation.kubectl("delete", "secret", f"{NAME}-keys")

    installation.kubectl("apply", "--filename", str(tmp_path / "keys.yaml"))
    restore(other_database, tmp_path)
    installation.install(other_database)
    assert_state_is_known(installation, seeded)
    installation.manage("check_invariants")


def test_uninstalling_leaves_nothing_but_the_keys_and_the_finished_steps(installation: Installation) -> None:
    installation.helm("uninstall", RELEASE, "--wait", "--timeout", f"{HELM_SECONDS}s")
    given = {"secret/connections", "configmap/kube-root-ca.crt", "serviceaccount/default"}

    def left() -> set[str]:
        names = set(installation.kubectl("get", KINDS, "-o", "name").split())
        return {name for name in names - given if not name.startswith(("pod/job-", "job.batch/job-"))}

    # helm does not wait for the pods of what it has deleted.
    await_that(lambda: left() <= KEPT, "all is gone but what is kept", 30)
    assert left() == KEPT
