"""Recorded states of a real cluster, and what they mean."""

from __future__ import annotations

import datetime as dt

import pytest

from executors.choices import EventKind
from executors.watching.diagnosis import start_failures
from executors.watching.diagnosis.pods import Kind, Wait, diagnose
from executors.watching.diagnosis.timeline import Place, entries, place
from tests.executors.watching.recorded_states import NAMES, recorded

# File: code, kind, deadline, whether another pod may fare better, words of the sentence
TABLE = {
    "completed": ("result-missing", Kind.SUCCEEDED, Wait.START, False, "never reported a result"),
    "container-cannot-start": ("container-cannot-start", Kind.FAILED, Wait.START, True, 'exec: "/no/such/program"'),
    "deadline": ("deadline", Kind.FAILED, Wait.START, False, "exceeded its deadline"),
    "deadline-unscheduled": ("deadline", Kind.FAILED, Wait.START, False, "exceeded its deadline"),
    "drained": ("drained", Kind.ENDING, Wait.START, True, "node was drained"),
    "evicted": ("evicted", Kind.FAILED, Wait.START, True, 'EmptyDir volume "s" exceeds the limit "10Mi"'),
    "exit-3": ("exited", Kind.FAILED, Wait.START, True, "exit code 3"),
    "exit-10": ("step-failed", Kind.FAILED, Wait.START, True, "step failed"),
    "exit-11": ("stopped", Kind.FAILED, Wait.START, True, "told to stop"),
    "exit-20": ("claim-refused", Kind.FAILED, Wait.START, False, "nothing was run"),
    "exit-21": ("api-lost", Kind.FAILED, Wait.START, True, "could not reach this site"),
    "exit-22": ("result-not-delivered", Kind.FAILED, Wait.START, True, "could not deliver its result"),
    "exit-64": ("bad-job-data", Kind.FAILED, Wait.START, False, "job data"),
    "image-architecture": ("image-architecture", Kind.FAILED, Wait.START, True, "a processor architecture"),
    "image-back-off": ("image-not-found", Kind.STUCK, Wait.IMAGE, True, "127.0.0.1:5005/team/missing:1 was not found"),
    "image-denied": ("image-denied", Kind.STUCK, Wait.IMAGE, True, "other credentials"),
    "image-invalid-name": ("image-invalid", Kind.STUCK, Wait.IMAGE, False, "team/UPPER:1 is not a valid image name"),
    "image-never": ("image-absent", Kind.STUCK, Wait.IMAGE, True, "pull policy is Never"),
    "image-not-found": ("image-not-found", Kind.STUCK, Wait.IMAGE, True, "127.0.0.1:5005/team/missing:1 was not found"),
    "image-registry-unreachable": (
        "image-registry-unreachable",
        Kind.STUCK,
        Wait.IMAGE,
        True,
        "dial tcp 127.0.0.1:5999: connect: connection refused",
    ),
    "job-deleting": ("job-deleting", Kind.ENDING, Wait.START, True, "The Kubernetes Job was deleted"),
    "killed-by-signal": ("killed", Kind.FAILED, Wait.START, True, "SIGKILL"),
    "missing-claim": ("missing-claim", Kind.STUCK, Wait.REFERENCE, True, "terrakube-plugin-pvc does not exist"),
    "missing-config-map": ("missing-config-map", Kind.STUCK, Wait.REFERENCE, True, "ConfigMap tf-settings does not"),
    "missing-config-map-volume": (
        "missing-config-map",
        Kind.STUCK,
        Wait.REFERENCE,
        True,
        "ConfigMap tf-files does not",
    ),
    "missing-secret": (
        "missing-secret",
        Kind.STUCK,
        Wait.REFERENCE,
        True,
        "Secret terrakube-executor-secrets does not",
    ),
    "missing-secret-key": ("token-secret", Kind.WAITING, Wait.REFERENCE, True, "one-time token"),
    "node-gone": ("node-lost", Kind.ENDING, Wait.START, True, "node is gone"),
    "node-lost": ("node-lost", Kind.ENDING, Wait.START, True, "or does not answer"),
    "node-unreachable": ("node-unreachable", Kind.STUCK, Wait.REFERENCE, True, "node does not answer"),
    "not-taken": ("not-taken", Kind.WAITING, Wait.START, True, "node to take the pod"),
    "oom-killed": ("oom-killed", Kind.FAILED, Wait.START, True, "limit of 32Mi"),
    "oom-killed-child": ("oom-killed", Kind.FAILED, Wait.START, True, "limit of 32Mi"),
    "pod-deleted": ("pod-gone", Kind.FAILED, Wait.START, True, "The pod is gone"),
    "pod-deleted-unscheduled": ("pod-gone", Kind.FAILED, Wait.START, True, "The pod is gone"),
    "pod-terminating": ("pod-deleted", Kind.ENDING, Wait.START, True, "The pod was deleted"),
    "preempted": ("preempted", Kind.ENDING, Wait.START, True, "higher priority"),
    "quota": ("quota", Kind.STUCK, Wait.START, True, "exceeded quota: small, requested: pods=1"),
    "running": ("running", Kind.RUNNING, Wait.CLAIM, True, "has not reported yet"),
    "runs-as-root": ("runs-as-root", Kind.STUCK, Wait.REFERENCE, False, "runs as root"),
    "sidecar": ("step-failed", Kind.FAILED, Wait.START, True, "step failed"),
    "unschedulable-affinity": (
        "unschedulable-affinity",
        Kind.STUCK,
        Wait.SCHEDULING,
        True,
        "finds no node: 0/1 nodes are available: 1 node(s) didn't match pod affinity rules",
    ),
    "unschedulable-taint": (
        "unschedulable-taint",
        Kind.STUCK,
        Wait.SCHEDULING,
        True,
        "1 node(s) had untolerated taint(s)",
    ),
    "unschedulable-volume": (
        "unschedulable-volume",
        Kind.STUCK,
        Wait.SCHEDULING,
        True,
        "unbound immediate PersistentVolumeClaims",
    ),
    "unschedulable-resources": ("unschedulable-resources", Kind.STUCK, Wait.SCHEDULING, True, "1 Insufficient memory"),
    "unschedulable-selector": (
        "unschedulable-selector",
        Kind.STUCK,
        Wait.SCHEDULING,
        True,
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector",
    ),
}


def test_every_recorded_state_is_in_the_table() -> None:
    assert sorted(TABLE) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_state_means(name: str) -> None:
    state = recorded(name)
    code, kind, wait, may_retry, words = TABLE[name]
    found = diagnose(state.job, state.pods, events=state.events)
    assert (found.code, found.kind, found.wait, found.why.may_retry) == (code, kind, wait, may_retry)
    assert words in found.why.sentence


@pytest.mark.parametrize("name", NAMES)
def test_a_sentence_is_one_line_without_a_full_stop(name: str) -> None:
    state = recorded(name)
    found = diagnose(state.job, state.pods, events=state.events)
    assert found.why.sentence == " ".join(found.why.sentence.split())
    assert not found.why.sentence.endswith(".")
    assert not found.why.advice.endswith(".")


def test_waiting_and_asking_again_for_an_image_read_the_same() -> None:
    texts = {
        diagnose(recorded(name).job, recorded(name).pods).why.with_advice().sentence
        for name in ("image-not-found", "image-back-off")
    }
    assert len(texts) == 1


@pytest.mark.parametrize(
    "name",
    [name for name in NAMES if TABLE[name][1] == Kind.FAILED and "deadline" not in name and name != "sidecar"],
)
def test_without_the_right_to_see_pods_a_failure_says_which_right_would_tell_more(name: str) -> None:
    found = diagnose(recorded(name).job, None)
    assert (found.code, found.kind) == ("failed-unseen", Kind.FAILED)
    assert "get, list and watch on pods in namespace terrakube" in found.why.advice


def test_without_the_right_to_see_pods_a_deadline_is_known_all_the_same() -> None:
    assert diagnose(recorded("deadline").job, None).code == "deadline"


def test_without_the_right_to_see_pods_a_wait_says_so() -> None:
    found = diagnose(recorded("unschedulable-selector").job, None)
    assert (found.code, found.kind, found.wait) == ("starting-unseen", Kind.WAITING, Wait.START)
    assert "pods in namespace terrakube" in found.why.advice


def test_a_job_that_is_not_there_is_missing_with_or_without_its_pod() -> None:
    pods = recorded("running").pods
    assert [diagnose(None, some).code for some in (None, [], pods)] == ["job-missing"] * 3
    assert "still ending" in diagnose(None, pods).why.sentence


def test_a_deadline_that_is_over_is_ending_until_its_pod_is_gone() -> None:
    job = recorded("deadline").job
    assert job is not None
    job["status"]["conditions"] = [one for one in job["status"]["conditions"] if one["type"] == "FailureTarget"]
    assert diagnose(job, []).kind == Kind.ENDING


def test_a_sidecar_is_not_taken_for_the_executor() -> None:
    state = recorded("oom-killed")
    sidecar = {"name": "istio-proxy", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    state.pods[0]["status"]["containerStatuses"].insert(0, sidecar)
    assert diagnose(state.job, state.pods).code == "oom-killed"


def test_of_two_pods_the_one_that_stays_is_looked_at() -> None:
    leaving, running = recorded("pod-terminating").pods[0], recorded("running").pods[0]
    leaving["metadata"]["creationTimestamp"] = "2030-01-01T00:00:00Z"
    assert diagnose(recorded("running").job, [running, leaving]).code == "running"


def test_a_quota_that_keeps_the_pod_away_is_told_by_the_jobs_events() -> None:
    message = (
        'Error creating: pods "job-1-1-1-x" is forbidden: exceeded quota: small, requested: pods=1, limited: pods=0'
    )
    found = diagnose(recorded("running").job, [], events=[{"reason": "FailedCreate", "message": message}])
    assert (found.code, found.kind) == ("quota", Kind.STUCK)
    assert "exceeded quota: small" in found.why.sentence


@pytest.mark.parametrize(
    ("refusal", "code", "wait"),
    [
        ('admission webhook "gate.example" denied the request: no team', "cluster-policy", Wait.REFERENCE),
        (
            'pods "j" is forbidden: violates PodSecurity "restricted:latest": seccompProfile',
            "cluster-policy",
            Wait.REFERENCE,
        ),
        (
            'pods "j" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
            "pod-refused",
            Wait.START,
        ),
    ],
)
def test_who_refuses_a_pod_is_told_by_the_jobs_events(refusal: str, code: str, wait: Wait) -> None:
    event = {"reason": "FailedCreate", "message": f"Error creating: {refusal}"}
    found = diagnose(recorded("running").job, [], events=[event])
    assert (found.code, found.kind, found.wait) == (code, Kind.STUCK, wait)
    assert refusal in found.why.sentence


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        # In the words of the cluster autoscaler and of Karpenter.
        ("TriggeredScaleUp", "pod triggered scale-up: [{pool-1 1->2 (max: 5)}]"),
        ("Nominated", "Pod should schedule on: nodeclaim/default-8wxkp"),
    ],
)
def test_a_pod_for_which_a_node_is_being_added_may_wait_longer(reason: str, message: str) -> None:
    state = recorded("unschedulable-resources")
    event = {"reason": reason, "message": message, "lastTimestamp": "2026-11-24T20:41:30Z"}
    found = diagnose(state.job, state.pods, events=[event])
    assert (found.code, found.wait, found.why.sentence) == (
        "node-being-added",
        Wait.NODE,
        f"A node is being added for the pod: {message}",
    )


def test_an_autoscaler_that_gave_up_adds_no_node() -> None:
    state = recorded("unschedulable-resources")
    added = {"reason": "TriggeredScaleUp", "message": "pod triggered scale-up: [{pool-1 1->2 (max: 5)}]"}
    refused = {"reason": "NotTriggerScaleUp", "message": "pod didn't trigger scale-up: 1 max node group size reached"}
    assert diagnose(state.job, state.pods, events=[added, refused]).code == "unschedulable-resources"


def test_an_image_that_takes_long_is_told_from_one_that_cannot_be_had() -> None:
    state = recorded("missing-config-map-volume")
    event = {"reason": "Pulling", "message": 'Pulling image "i:1"', "lastTimestamp": "2026-11-24T20:47:30Z"}
    found = diagnose(state.job, state.pods, events=[event])
    assert (found.code, found.kind, found.wait) == ("image-pulling", Kind.WAITING, Wait.START)
    assert found.since == dt.datetime(2026, 11, 24, 20, 47, 30, tzinfo=dt.UTC)
    done = {"reason": "Pulled", "message": "Successfully pulled image"}
    assert diagnose(state.job, state.pods, events=[event, done]).code == "creating"


def test_an_image_without_the_nodes_architecture_is_not_taken_for_a_missing_one() -> None:
    pod = recorded("image-not-found").pods[0]
    message = 'failed to pull and unpack image "i:1": no match for platform in manifest: not found'
    pod["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ErrImagePull", "message": message}}
    found = diagnose(recorded("image-not-found").job, [pod])
    assert (found.code, found.wait) == ("image-architecture", Wait.IMAGE)


def test_what_keeps_the_nearest_node_away_is_what_counts() -> None:
    message = "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint {pool: gpu}."
    assert start_failures.unscheduled("Unschedulable", message).code == "unschedulable-resources"
    assert (
        start_failures.unscheduled("Unschedulable", "0/1 nodes are available: 1 by a plugin.").code == "unschedulable"
    )


def test_the_timeline_has_the_clusters_own_times() -> None:
    pods = recorded("running").pods
    found = [(entry.kind, entry.at) for entry in entries(pods)]
    started = dt.datetime.fromisoformat(pods[0]["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])
    assert [kind for kind, _ in found] == [EventKind.SCHEDULED, EventKind.IMAGE, EventKind.STARTED]
    assert found[-1][1] == started
    assert place(pods) == Place(pods[0]["metadata"]["name"], "node-1")


def test_a_container_that_never_started_has_no_start_in_the_timeline() -> None:
    for name in ("container-cannot-start", "image-not-found"):
        assert [entry.kind for entry in entries(recorded(name).pods)] == [EventKind.SCHEDULED]


def test_unseen_pods_have_no_timeline_and_no_place() -> None:
    assert (entries(None), place(None), entries([])) == ((), Place(), ())
