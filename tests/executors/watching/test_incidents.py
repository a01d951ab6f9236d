"""An attempt as a bundle: what was decided is decided again by a replay, and no secret is in it, wherever one lay."""

from __future__ import annotations

import copy
import inspect
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from executors.attempts import lifecycle
from executors.attempts.lifecycle import Report
from executors.choices import AttemptOutcome, AttemptState, EventKind
from executors.incidents.bundle import incident_bundle
from executors.incidents.replaying import BadBundle, replay
from executors.installation.settings import Installation
from executors.launching.manifest import CONTAINER
from executors.logs import store
from executors.models import Attempt, AttemptLook
from executors.watching import decisions
from executors.watching.look_format import COLUMNS
from tests.api.client import Api, token_of
from tests.executors.watching.conftest import SESSION, Make, MemoryCluster, Run, shift
from tests.executors.watching.test_sweep import end_lately, fresh
from tests.factories import GlobalVariableFactory, TeamFactory, VariableFactory
from workspaces.choices import Category
from workspaces.models import Workspace
from workspaces.reasons import told

pytestmark = pytest.mark.django_db


def bundle_of(attempt: Attempt, conf: Installation) -> dict[str, Any]:
    stored = Attempt.objects.select_related("step__job__workspace").get(pk=attempt.pk)
    bundle: dict[str, Any] = json.loads(json.dumps(incident_bundle(stored, conf)))
    return bundle


def acts(bundle: dict[str, Any]) -> list[tuple[str, str]]:
    """What was decided at each look, and why; a decision without words rests on the diagnosis alone."""
    return [
        (look["decision"]["act"], look["decision"]["why"]["code"] or look["found"]["why"]["code"])
        for look in bundle["looks"]
    ]


@pytest.mark.parametrize(
    ("name", "state", "expected"),
    [
        ("exit-21", AttemptState.LAUNCHED, ("replace", "api-lost")),
        ("oom-killed", AttemptState.CLAIMED, ("lose", "oom-killed")),
        ("image-not-found", AttemptState.LAUNCHED, ("fail", "start-timeout")),
        ("image-invalid-name", AttemptState.LAUNCHED, ("explain", "image-invalid")),
        ("unschedulable-taint", AttemptState.LAUNCHED, ("replace", "unschedulable-taint")),
        ("drained", AttemptState.CLAIMED, ("nothing", "drained")),
    ],
)
def test_what_was_decided_is_kept_and_decided_again(
    make: Make,
    run: Run,
    memory_cluster: MemoryCluster,
    conf: Installation,
    name: str,
    state: AttemptState,
    expected: tuple[str, str],
) -> None:
    attempt = make(state)
    memory_cluster.put(attempt, name)
    run()
    shift(attempt, 700)
    run()
    bundle = bundle_of(attempt, conf)
    assert expected in acts(bundle)
    assert bundle["looks"][-1]["saw"]["pods"][0]["metadata"]["name"] == memory_name(memory_cluster, attempt)
    assert [look.differs for look in replay(bundle)] == [False] * len(bundle["looks"])


def memory_name(memory_cluster: MemoryCluster, attempt: Attempt) -> str:
    return str(memory_cluster.pods_of(attempt)[0]["metadata"]["name"])


def test_a_job_that_is_gone_is_missed_and_then_replaced_and_so_it_replays(
    make: Make, run: Run, memory_cluster: MemoryCluster, conf: Installation
) -> None:
    attempt = make()
    run()
    Attempt.objects.filter(pk=attempt.pk).update(missing_since=attempt.launched_at)
    run()
    bundle = bundle_of(attempt, conf)
    assert acts(bundle) == [("miss", "job-missing"), ("replace", "job-missing")]
    assert [look.differs for look in replay(bundle)] == [False, False]


def test_a_start_without_trouble_keeps_no_looks(make: Make, run: Run, memory_cluster: MemoryCluster) -> None:
    attempt = make()
    memory_cluster.put(attempt, "running")
    pod = memory_cluster.pods_of(attempt)[0]
    pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = timezone.now().isoformat()
    run()
    lifecycle.claim_attempt(attempt, SESSION)
    run()
    assert not AttemptLook.objects.exists()


def test_the_format_has_all_that_decisions_read_of_an_attempt() -> None:
    source = inspect.getsource(decisions)
    assert set(re.findall(r"\battempt\.(\w+)", source)) <= COLUMNS


def test_a_bundle_that_would_be_decided_otherwise_now_is_told(
    make: Make, run: Run, memory_cluster: MemoryCluster, conf: Installation, tmp_path: Path
) -> None:
    attempt = make()
    end_lately(memory_cluster, attempt, "exit-21", 0)
    run()
    bundle = bundle_of(attempt, conf)
    file = tmp_path / "bundle.json"

    def replayed() -> tuple[int, str]:
        file.write_text(json.dumps(bundle), encoding="utf-8")
        out = io.StringIO()
        try:
            call_command("replay", str(file), stdout=out)
        except SystemExit as ended:
            return int(str(ended.code)), out.getvalue()
        return 0, out.getvalue()

    status, said = replayed()
    assert status == 0
    assert "replace (api-lost): The executor could not reach this site" in said
    bundle["looks"][0]["decision"]["act"] = "fail"
    status, said = replayed()
    assert status == 1
    assert "DIFFERS from then: fail (api-lost)" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 99}, "format is 99"),
        ({"kind": "else"}, "no bundle of an incident"),
        ({"looks": {}}, "no list"),
        ({"looks": [{"at": "yesterday"}]}, "Look 0 cannot be read"),
    ],
)
def test_what_is_no_bundle_is_refused_with_its_reason(
    make: Make, conf: Installation, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadBundle, match=words):
        replay({**bundle_of(make(), conf), **change})


def test_the_command_writes_the_bundle_of_the_last_attempt(make: Make, tmp_path: Path) -> None:
    attempt = make()
    file = tmp_path / "bundle.json"
    call_command("incident", str(attempt.step.job_id), "--output", str(file))
    assert json.loads(file.read_text(encoding="utf-8"))["attempt"]["jobName"] == attempt.job_name
    with pytest.raises(CommandError, match="no such attempt"):
        call_command("incident", str(attempt.step.job_id), "--attempt", "7")


def test_page_and_clients_get_the_bundle_of_the_attempt_they_ask_for(
    make: Make, run: Run, memory_cluster: MemoryCluster, admin_client: Client
) -> None:
    attempt = make()
    end_lately(memory_cluster, attempt, "exit-21", 0)
    run()
    job, step = attempt.step.job, attempt.step_id
    page = admin_client.get(f"/runs/{job.pk}/steps/{step}/incident.json?attempt=1")
    assert page["Content-Disposition"] == f'attachment; filename="incident-{attempt.job_name}.json"'
    assert [look.now.act for look in replay(json.loads(page.content))] == ["replace"]
    TeamFactory.create(organization=job.organization, name="READERS")
    api = Api(token_of("READERS"), prefix="/")
    address = f"tfoutput/v1/organization/{job.organization_id}/job/{job.pk}/step/{step}/incident"
    assert json.loads(api.get(f"{address}?attempt=1").content)["attempt"] == json.loads(page.content)["attempt"]
    assert json.loads(api.get(address).content)["attempt"]["number"] == 2, "the newest"
    assert api.get(f"{address}?attempt=9").status_code == 404
    assert api.get(f"{address}?attempt=first").status_code == 400


# ---- secrets --------------------------------------------------------------------------------------------------------


class Planted:
    """Secrets, each of its own, by the place where it lies."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        return self.texts.setdefault(place, f"hush{len(self.texts):03d}okapi")


def plant_in_cluster(job: dict[str, Any], pod: dict[str, Any], secret: Planted) -> None:
    """Let every place of a Job and pod that can hold a secret hold one."""
    for kind, one in (("job", job), ("pod", pod)):
        one["metadata"]["annotations"] = {"example/token": secret(f"annotation of the {kind}")}
        one["metadata"]["labels"]["example/label"] = secret(f"label of the {kind}")
        one["metadata"]["managedFields"] = [{"manager": secret(f"managed fields of the {kind}")}]
    spec = {
        "imagePullSecrets": [{"name": secret("image pull secret")}],
        "serviceAccountName": secret("service account"),
        "nodeSelector": {"example": secret("node selector")},
        "tolerations": [{"key": secret("toleration")}],
        "volumes": [{"name": "v", "secret": {"secretName": secret("volume of a Secret")}}],
        "initContainers": [{"name": "first", "env": [{"name": "A", "value": secret("environment of another")}]}],
    }
    pod["spec"].update(spec)
    executor = next(one for one in pod["spec"]["containers"] if one["name"] == CONTAINER)
    executor.update(
        env=[
            {"name": "TOKEN", "value": secret("environment")},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": secret("Secret"), "key": secret("key")}}},
        ],
        envFrom=[{"secretRef": {"name": secret("environment from a Secret")}}],
        args=[secret("argument")],
        command=[secret("command")],
        volumeMounts=[{"name": "v", "mountPath": secret("mount")}],
    )
    job["spec"]["template"] = copy.deepcopy({"metadata": pod["metadata"], "spec": pod["spec"]})
    job["spec"]["selector"] = {"matchLabels": {"example": secret("selector")}}
    status = pod["status"]["containerStatuses"][0]
    status["state"]["terminated"]["message"] = f"{secret('the end of the log')} terrakube-executor: not claimed"
    status["lastState"] = {"terminated": {"message": secret("the log before")}}
    status["imageID"] = secret("image id")


def test_no_secret_is_in_a_bundle_wherever_one_lies(
    make: Make, run: Run, memory_cluster: MemoryCluster, workspace: Workspace, conf: Installation
) -> None:
    secret = Planted()
    for kind in (Category.ENV, Category.TERRAFORM):
        value = secret(f"sensitive {kind} variable")
        VariableFactory.create(workspace=workspace, key=f"V_{kind}", value=value, category=kind, sensitive=True)
        VariableFactory.create(workspace=workspace, key=f"P_{kind}", value=secret(f"plain {kind} variable"))
    GlobalVariableFactory.create(
        organization=workspace.organization, key="ALL", value=secret("organization's"), sensitive=True
    )
    VariableFactory.create(
        workspace=workspace, key="EPHEMERAL_CONFIG_MAP_NAME", value=secret("sensitive setting"), sensitive=True
    )
    attempt = make()
    said = " ".join(secret.texts[place] for place in ("sensitive ENV variable", "organization's", "sensitive setting"))
    end_lately(memory_cluster, attempt, "exit-21", 0)
    job, pod = memory_cluster.jobs[str(attempt.pk)], memory_cluster.pods_of(attempt)[0]
    plant_in_cluster(job, pod, secret)
    # The cluster repeats what the site knows as sensitive, and says what it was not asked.
    job["status"]["conditions"][0]["message"] = f"Job failed: {said}"
    for one in pod["status"]["conditions"]:
        one["message"] = said
    pod["status"]["message"] = said
    memory_cluster.words = secret("pod's own log")
    run()

    other = make(AttemptState.CLAIMED, on=workspace_of(attempt))
    store.append_log(other, 0, secret("log").encode())
    lifecycle.record_event(other, EventKind.PHASE, secret("phase"))
    lifecycle.record_event(other, EventKind.LOCK, secret("lock"))
    why = told("terraform-failed", secret("terraform's error"))
    assert lifecycle.report_result(other, Report(outcome=AttemptOutcome.FAILED, exit_code=1, why=why))

    texts = {one: json.dumps(bundle_of(one, conf)) for one in (attempt, other)}
    assert "api-lost" in texts[attempt]
    assert "not claimed" in texts[attempt], "the sign by which a replay knows that nothing ran"
    assert "terraform-failed" in texts[other]
    planted = {**secret.texts, "nonce": fresh(attempt).nonce, "session": SESSION}
    planted["hash of the session"] = fresh(other).session_hash
    for place, text in planted.items():
        for one in texts.values():
            assert text not in one, place


def workspace_of(attempt: Attempt) -> Workspace:
    """Another workspace of the same organization, with a copy of what is planted in the first."""
    found: Workspace = attempt.step.job.workspace
    copied = Workspace.objects.get(pk=found.pk)
    copied.pk, copied.name = None, "another"
    copied.save(force_insert=True)
    return copied
