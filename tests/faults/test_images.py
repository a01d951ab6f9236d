"""An image that is not there, that is refused, and that comes slowly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from executors.choices import AttemptOutcome
from executors.models import Attempt
from tests.faults.marks import FAULT
from tests.faults.registry import Registry, registry_of
from tests.faults.trial import Trial
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site, story
from workspaces.choices import JobStatus

# A pod that is there already has its image.
pytestmark = [*FAULT, pytest.mark.node, pytest.mark.cold]

IMAGE_SECONDS, SLOW_SECONDS = 15, 20


@pytest.fixture(scope="module")
def registry(executor_image: str) -> Iterator[Registry]:
    with registry_of(Path(os.environ["TEST_NODE_HOME"]), executor_image) as registry:
        yield registry


@pytest.fixture(scope="module")
def site(make_site: SiteMaker, registry: Registry) -> Iterator[Site]:
    patience = {"ExecutorEphemeralImageSeconds": str(IMAGE_SECONDS), "ExecutorMaxAttempts": "2"}
    with make_site(optional_role=True, ExecutorEphemeralImage=registry.image, **patience) as site:
        site.start()
        yield site


@pytest.mark.parametrize(
    ("status", "code", "words"), [(404, "image-not-found", "was not found"), (401, "image-denied", "refuses image")]
)
def test_an_image_that_cannot_be_had_fails_the_job_with_its_name(
    trial: Trial, registry: Registry, status: int, code: str, words: str
) -> None:
    registry.status = status
    trial.fault()
    job = trial.job()
    trial.told(job, registry.image, words)
    trial.ended(job, code, seconds=2 * IMAGE_SECONDS + 40)
    trial.assert_sound(job, status=JobStatus.FAILED, code=code, starts=0)
    outcomes = Attempt.objects.filter(step__job=job).order_by("number").values_list("outcome", flat=True)
    assert list(outcomes) == [AttemptOutcome.REPLACED, AttemptOutcome.LOST], story(job)


def test_an_image_that_comes_slowly_is_waited_for(trial: Trial, registry: Registry) -> None:
    registry.status, registry.seconds = 200, SLOW_SECONDS
    trial.fault()
    job = trial.job()
    trial.told(job, "has been fetching image", registry.image)
    trial.assert_sound(job, marks=20, seconds=4 * SLOW_SECONDS)
    assert Attempt.objects.filter(step__job=job).count() == 1, story(job)
