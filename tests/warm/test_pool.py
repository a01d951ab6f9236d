"""The pool: what is wanted, what is created and removed, and who gets a pod."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from django.utils import timezone

from executors.attempts import lifecycle
from executors.choices import AttemptState, WarmState
from executors.cluster import ClusterError
from executors.installation.settings import Installation
from executors.launching import launcher
from executors.models import Attempt, WarmPod
from executors.warm import records, targets
from executors.warm.targets import Use, wanted_pods
from executors.watching.warm_pool import WarmPool
from tests.warm.conftest import Launch, MemoryCluster
from workspaces.choices import Category
from workspaces.jobs import transitions
from workspaces.models import PolicyRule
from workspaces.models.policy import RuleEffect
from workspaces.reasons import reason
from workspaces.services.workspaces import set_variable

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def pool(conf: Installation) -> WarmPool:
    return WarmPool(conf)


def turn(pool: WarmPool, cluster: MemoryCluster) -> list[WarmPod]:
    pool.turn(cluster)  # type: ignore[arg-type]
    return list(WarmPod.objects.all())


def waiting(pod: WarmPod) -> WarmPod:
    """Let a pod's executor wait."""
    assert records.note_waiting(pod, session_hash="0" * 64, pod_name=f"{pod.job_name}-abcde")
    return pod


@pytest.mark.parametrize(
    ("launches", "limit", "limit_of_a_shape", "wanted"),
    [
        ({}, 5, 2, {}),
        ({"a": 1}, 5, 2, {"a": 1}),
        ({"a": 9}, 5, 2, {"a": 2}),
        ({"a": 9, "b": 1}, 2, 2, {"a": 1, "b": 1}),
        ({"a": 9, "b": 3, "c": 1}, 4, 2, {"a": 2, "b": 1, "c": 1}),
        ({"a": 9, "b": 3, "c": 1}, 1, 2, {"a": 1}),
        ({"a": 9}, 0, 2, {}),
    ],
)
def test_how_many_pods_are_wanted(
    launches: dict[str, int], limit: int, limit_of_a_shape: int, wanted: dict[str, int]
) -> None:
    uses = [Use(shape, number, NOW) for shape, number in launches.items()]
    assert wanted_pods(uses, limit=limit, limit_of_a_shape=limit_of_a_shape) == wanted


def test_a_launch_makes_a_warm_pod_for_the_next_of_its_shape(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster
) -> None:
    first = launch()
    assert (first.started_warm, len(first.shape)) == (False, 64)
    (pod,) = turn(pool, memory_cluster)
    assert (pod.state, pod.shape) == (WarmState.STARTING, first.shape)
    job = memory_cluster.jobs[pod.job_name]
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels["terrakube.io/warm-pod"] == str(pod.pk)
    assert not {"terrakube.io/attempt", "terrakube.io/workspace", "terrakube.io/job"} & set(labels)
    assert memory_cluster.secrets[pod.job_name]["metadata"]["ownerReferences"][0]["name"] == pod.job_name
    assert turn(pool, memory_cluster) == [pod], "one launch wants one pod"


def test_the_next_step_of_its_shape_gets_it_at_once(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster
) -> None:
    launch()
    pod = waiting(turn(pool, memory_cluster)[0])
    second = launch()
    assert (second.started_warm, second.state, second.job_name) == (True, AttemptState.LAUNCHED, pod.job_name)
    assert second.job_uid == f"uid-of-{pod.job_name}"
    pod.refresh_from_db()
    assert (pod.state, pod.attempt_id) == (WarmState.HANDED_OVER, second.pk)
    of_attempt = memory_cluster.pod_labels[pod.pod_name]
    assert of_attempt["terrakube.io/attempt"] == str(second.pk)
    job = memory_cluster.jobs[pod.job_name]
    assert job["metadata"]["labels"]["terrakube.io/step"] == str(second.step_id)
    assert 21_600 <= job["spec"]["activeDeadlineSeconds"] < 21_700, "its wait is not the step's time"
    assert f"job-{second.step.job_id}-100-1" not in memory_cluster.jobs
    third = launch()
    assert not third.started_warm, "a warm pod runs one step"
    again = turn(pool, memory_cluster)
    assert [one.state for one in again if one.pk != pod.pk] == [WarmState.STARTING, WarmState.STARTING]


def test_other_settings_start_without_it(launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster) -> None:
    launch()
    waiting(turn(pool, memory_cluster)[0])
    assert not launch(EPHEMERAL_CONFIG_SERVICE_ACCOUNT="deployer").started_warm


def test_two_attempts_cannot_take_the_same_pod(launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster) -> None:
    first, second = launch(), launch()
    pod = waiting(turn(pool, memory_cluster)[0])
    records.end_pods(WarmPod.objects.exclude(pk=pod.pk))
    assert records.take_pod(first, pod.shape) == pod
    assert records.take_pod(second, pod.shape) is None


def test_a_pod_that_was_not_seen_lately_is_not_taken(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster
) -> None:
    launch()
    pod = waiting(turn(pool, memory_cluster)[0])
    age = dt.timedelta(seconds=records.SEEN_SECONDS + 1)
    WarmPod.objects.filter(pk=pod.pk).update(seen_at=timezone.now() - age)
    assert not launch().started_warm


@pytest.mark.parametrize(("call", "status"), [("patch_pod", 404), ("patch_pod", 403), ("patch_job", 404)])
def test_a_pod_that_is_gone_makes_the_step_start_without(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster, call: str, status: int
) -> None:
    launch()
    pod = waiting(turn(pool, memory_cluster)[0])
    memory_cluster.fail[call] = ClusterError("refused", status=status)
    second = launch()
    assert (second.started_warm, second.state) == (False, AttemptState.LAUNCHED)
    assert second.job_name == f"job-{second.step.job_id}-100-1"
    assert memory_cluster.jobs[second.job_name]["metadata"]["name"] == second.job_name
    pod.refresh_from_db()
    assert (pod.state, pod.attempt) == (WarmState.OVER, None)


def test_a_pod_that_is_being_deleted_makes_the_step_start_without(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster
) -> None:
    launch()
    pod = waiting(turn(pool, memory_cluster)[0])
    memory_cluster.leaving.add(pod.pod_name)
    second = launch()
    assert (second.started_warm, second.state) == (False, AttemptState.LAUNCHED)
    assert pod.job_name not in memory_cluster.jobs


@pytest.mark.parametrize(("kind", "started_warm"), [("ContainersReady", False), ("Initialized", True)])
def test_a_pod_whose_node_does_not_answer_makes_the_step_start_without(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster, kind: str, started_warm: bool
) -> None:
    launch()
    pod = waiting(turn(pool, memory_cluster)[0])
    # A kubelet that has not told yet that a new pod is ready has not said so of its containers either.
    conditions = [{"type": kind, "status": "True"}, {"type": "Ready", "status": "False"}]
    memory_cluster.conditions[pod.pod_name] = conditions
    second = launch()
    assert (second.started_warm, second.state) == (started_warm, AttemptState.LAUNCHED)
    assert (pod.job_name in memory_cluster.jobs) == started_warm


@pytest.mark.parametrize("call", ["patch_pod", "patch_job"])
def test_a_launch_that_the_cluster_did_not_answer_goes_on_with_the_same_pod(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster, call: str
) -> None:
    launch()
    pod = waiting(turn(pool, memory_cluster)[0])
    memory_cluster.fail[call] = ClusterError("no answer", status=503)
    second = launch()
    assert (second.state, second.job_name) == (AttemptState.NEW, pod.job_name)
    memory_cluster.fail.clear()
    Attempt.objects.filter(pk=second.pk).update(not_before=timezone.now())
    assert launcher.launch_due_attempt(second.step_id)
    second.refresh_from_db()
    assert (second.started_warm, second.job_uid) == (True, f"uid-of-{pod.job_name}")


def test_a_cancel_between_ends_the_pod(launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster) -> None:
    launch()
    pod = waiting(turn(pool, memory_cluster)[0])
    memory_cluster.fail["patch_job"] = ClusterError("no answer", status=503)
    second = launch()
    transitions.cancel(second.step.job_id, by="somebody")
    lifecycle.request_cancel(second.step_id)
    memory_cluster.fail.clear()
    turn(pool, memory_cluster)
    assert pod.job_name in memory_cluster.deleted
    assert pod.job_name not in memory_cluster.jobs


def test_the_pool_ends_what_is_not_wanted(launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster) -> None:
    attempt = launch()
    pod = waiting(turn(pool, memory_cluster)[0])
    long_ago = timezone.now() - dt.timedelta(seconds=1000)
    Attempt.objects.filter(pk=attempt.pk).update(launched_at=long_ago)
    turn(pool, memory_cluster)
    assert pod.job_name not in memory_cluster.jobs
    assert turn(pool, memory_cluster) == []


@pytest.mark.parametrize(
    "old", [{"created_at": 1000}, {"seen_at": 31}, {"created_at": 1000, "state": WarmState.STARTING}], ids=str
)
def test_an_old_or_silent_pod_is_replaced(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster, old: dict[str, object]
) -> None:
    launch()
    pod = waiting(turn(pool, memory_cluster)[0])
    ages = {name: timezone.now() - dt.timedelta(seconds=age) for name, age in old.items() if isinstance(age, int)}
    WarmPod.objects.filter(pk=pod.pk).update(**{**old, **ages})
    turn(pool, memory_cluster)
    assert pod.job_name in memory_cluster.deleted
    assert [one.state for one in turn(pool, memory_cluster) if one.pk != pod.pk] == [WarmState.STARTING]


def test_steps_that_lack_room_come_before_warm_pods(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster
) -> None:
    attempt = launch()
    pod = waiting(turn(pool, memory_cluster)[0])
    transitions.explain(attempt.step_id, reason("unschedulable-resources", words="0/1 nodes"))
    turn(pool, memory_cluster)
    assert pod.job_name in memory_cluster.deleted


def test_the_limit_of_running_steps_counts_warm_pods(launch: Launch, conf: Installation) -> None:
    launch()
    assert targets.room(replace(conf, max_running_steps=2)) == 1
    assert targets.room(replace(conf, max_running_steps=1)) == 0
    assert targets.room(conf) == 2


def test_a_cluster_that_refuses_a_warm_pod_hinders_no_step(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster
) -> None:
    launch()
    memory_cluster.fail["create_job"] = ClusterError("exceeded quota", status=403)
    turn(pool, memory_cluster)
    memory_cluster.fail.clear()
    tried = len(memory_cluster.jobs)
    turn(pool, memory_cluster)
    assert len(memory_cluster.jobs) == tried, "it waits before it tries again"
    assert launch().state == AttemptState.LAUNCHED


def test_without_the_right_to_patch_pods_there_is_no_pool(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster
) -> None:
    memory_cluster.forbidden = frozenset({("patch", "pods")})
    launch()
    assert turn(pool, memory_cluster) == []


def test_settings_changed_since_make_no_pod_of_the_old_shape(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster
) -> None:
    attempt = launch()
    workspace = attempt.step.job.workspace
    set_variable(workspace, by=None, key="EPHEMERAL_CONFIG_LABELS", value="team=red", category=Category.ENV)
    assert turn(pool, memory_cluster) == []


def test_settings_that_a_policy_refuses_make_no_pod(
    launch: Launch, pool: WarmPool, memory_cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = launch(EPHEMERAL_CONFIG_SERVICE_ACCOUNT="deployer")
    PolicyRule.objects.create(
        organization=attempt.step.job.workspace.organization,
        setting="EPHEMERAL_CONFIG_SERVICE_ACCOUNT",
        effect=RuleEffect.FORBIDDEN,
    )
    assert launcher.read_needs(attempt.step).inputs.refusals
    assert turn(pool, memory_cluster) == []
