"""What somebody takes away by hand: a pod in good order, a Job before and after its claim."""

from __future__ import annotations

import pytest

from executors.choices import AttemptOutcome
from executors.models import Attempt
from tests.faults.marks import FAULT
from tests.faults.sound import leftovers
from tests.faults.trial import Trial
from tests.spine.cluster import TOO_LARGE
from tests.spine.site import story
from tests.spine.waiting import await_that
from workspaces.choices import JobStatus
from workspaces.models import StateVersion

pytestmark = FAULT

# As ``kubectl delete job`` does it, by its --cascade.
WAYS = ["Background", "Foreground"]


def delete_job(trial: Trial, attempt: Attempt, propagation: str) -> None:
    trial.cluster.batch.delete_namespaced_job(attempt.job_name, trial.site.namespace, propagation_policy=propagation)


@pytest.mark.parametrize("way", WAYS)
def test_a_job_deleted_by_hand_before_its_claim_is_followed_by_another(trial: Trial, way: str) -> None:
    job = trial.job(environment=TOO_LARGE)
    first = trial.await_launched(job)
    trial.cluster.pod_of(first)
    # The next attempt's pod fits.
    job.workspace.variables.filter(key__in=TOO_LARGE).delete()
    trial.fault()
    delete_job(trial, first, way)
    trial.told(job, "deleted")
    trial.assert_sound(job, marks=20)
    outcomes = Attempt.objects.filter(step__job=job).order_by("number").values_list("outcome", flat=True)
    assert list(outcomes) == [AttemptOutcome.REPLACED, AttemptOutcome.SUCCEEDED], story(job)


@pytest.mark.parametrize("way", WAYS)
def test_a_job_deleted_by_hand_in_the_middle_of_an_apply_fails_with_its_state_kept(trial: Trial, way: str) -> None:
    job = trial.apply_job(seconds=60)
    trial.await_rung(job)
    attempt = trial.attempt(job)
    trial.fault()
    delete_job(trial, attempt, way)
    sentence = trial.ended(job, "job-deleting")
    assert "its last state is saved" in sentence
    trial.assert_sound(job, status=JobStatus.FAILED, code="job-deleting")
    assert StateVersion.objects.filter(job=job).exists()
    trial.assert_next_job_runs(job.workspace)


def test_a_pod_whose_job_alone_was_deleted_goes_on_to_its_end(trial: Trial) -> None:
    job = trial.apply_job(seconds=20)
    trial.await_rung(job)
    attempt = trial.attempt(job)
    delete_job(trial, attempt, "Orphan")
    trial.assert_sound(job, orphaned=True)
    # Whoever deletes a Job without what it owns leaves that, and the site may not delete pods and Secrets.
    pod = trial.cluster.pod_of(attempt)
    trial.cluster.delete_pod_now(pod)
    for secret in trial.cluster.secrets():
        if secret["metadata"].get("labels", {}).get("terrakube.io/attempt") == str(attempt.pk):
            trial.cluster.core.delete_namespaced_secret(secret["metadata"]["name"], trial.site.namespace)
    await_that(lambda: not leftovers(trial.cluster, job), "nothing is left", 20)


def test_a_pod_deleted_in_good_order_in_the_middle_of_an_apply_saves_its_state(trial: Trial) -> None:
    job = trial.apply_job(seconds=60)
    trial.await_rung(job)
    pod = trial.cluster.pod_of(trial.attempt(job))
    trial.fault()
    trial.cluster.core.delete_namespaced_pod(pod["metadata"]["name"], trial.site.namespace)
    sentence = trial.ended(job, "pod-deleted")
    assert "its last state is saved" in sentence
    trial.assert_sound(job, status=JobStatus.FAILED, code="pod-deleted")
    assert StateVersion.objects.filter(job=job).exists()
    trial.assert_next_job_runs(job.workspace)
