"""The matrix with a pool of warm pods (TEST_WARM_PODS=1): it is filled before the first job of each row."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import yaml

from executors.choices import WarmState
from executors.models import Attempt, WarmPod
from executors.warm import records
from tests.spine.site import ENABLED, Site, story
from tests.spine.waiting import await_that
from workspaces.choices import EXCLUSIVE_TYPES, Category, JobStatus, StepType
from workspaces.models import Job, Workspace

IS_ON = os.environ.get("TEST_WARM_PODS", "") not in ("", "0")
SETTINGS = {"ExecutorWarmPods": "6", "ExecutorWarmPodsOfAShape": "4"} if IS_ON else {}
"""What a site of the matrix has in its environment."""
CANNOT_START = ("EPHEMERAL_CPU_REQUEST", "EPHEMERAL_CONFIG_")
"""Beginnings of the settings with which the rows keep a pod from starting, a warm one as well."""
FILL_SECONDS = 40
_PLAN = json.dumps({"flow": [{"type": StepType.PLAN, "name": "Plan", "step": 100}]})
_SCRIPT = json.dumps(
    {
        "flow": [
            {
                "type": StepType.SCRIPTS,
                "name": "Script",
                "step": 100,
                "commands": [{"runtime": "BASH", "priority": 1, "script": "true"}],
            }
        ]
    }
)

type Shapes = dict[tuple[object, ...], str]
"""The shapes of a site's pods that are known: by the workspace's settings, and whether a step may change something."""


class Pool:
    """Fills a site's pool before the first job of a row is created, and looks whether its first step started in it."""

    def __init__(self, site: Site, create: Callable[[Workspace, str], Job], shapes: Shapes) -> None:
        self._site, self._create, self._shapes = site, create, shapes
        self._asked = self._fits = False
        self._first: Job | None = None

    def job(self, workspace: Workspace, flow: str) -> Job:
        """As ``Site.job``."""
        if not self._asked:
            self.fill(workspace, flow)
        job = self._create(workspace, flow)
        if self._fits and self._first is None:
            self._first = job
        return job

    def fill(self, workspace: Workspace, flow: str) -> None:
        """Let warm pods wait for such a job if any can; before it, for a row that stops the site first."""
        self._asked = True
        self._fits = _may_wait(workspace)
        if self._fits:
            wanted = [self._shape(workspace, may_change) for may_change in _changes(flow)]
            await_that(lambda: all(_waits(shape) for shape in wanted), "warm pods wait", FILL_SECONDS)

    def assert_started_warm(self) -> None:
        if self._first is None:
            return
        attempts = Attempt.objects.filter(step__job=self._first, launched_at__isnull=False)
        first = attempts.order_by("step__step_number", "number").first()
        assert first is None or first.started_warm, story(self._first)

    def _shape(self, workspace: Workspace, may_change: bool) -> str:
        """The shape of a workspace's pods; where none was launched yet, another workspace's job is run for it."""
        settings = _settings(workspace)
        key = (tuple(sorted(settings.items())), may_change)
        if key not in self._shapes:
            job = self._create(self._site.workspace(environment=settings), _SCRIPT if may_change else _PLAN)
            self._site.await_status(job, JobStatus.COMPLETED)
            self._shapes[key] = Attempt.objects.filter(step__job=job).latest("created_at").shape
        return self._shapes[key]


def _settings(workspace: Workspace) -> dict[str, str]:
    return dict(workspace.variables.filter(category=Category.ENV).values_list("key", "value"))


def _may_wait(workspace: Workspace) -> bool:
    settings = _settings(workspace)
    return settings.keys() >= ENABLED.keys() and not any(name.startswith(CANNOT_START) for name in settings)


def _changes(flow: str) -> set[bool]:
    """Whether the steps of a flow that run in pods may change something."""
    kinds = {step["type"] for step in yaml.safe_load(flow)["flow"]}
    return {kind in EXCLUSIVE_TYPES for kind in kinds - {StepType.APPROVAL}}


def _waits(shape: str) -> bool:
    return records.waiting_pods(shape).exists()


def empty(shapes: Shapes) -> None:
    """Take all pods out of the pool: nothing that was launched so far counts any more."""
    Attempt.objects.exclude(shape="").update(shape="")
    shapes.clear()
    records.end_pods(WarmPod.objects.all())
    waiting = WarmPod.objects.filter(state__in=(WarmState.STARTING, WarmState.WAITING, WarmState.OVER))
    await_that(lambda: not waiting.exists(), "no warm pod waits", FILL_SECONDS)


@contextmanager
def filled(site: Site, shapes: Shapes) -> Iterator[Pool]:
    """The jobs of a site are created with a pool that is filled."""
    pool = Pool(site, site.job, shapes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "job", pool.job)
        yield pool
    pool.assert_started_warm()


def starts(since: int) -> dict[str, float]:
    """How many attempts of the jobs after one were launched in warm pods, and how many in others."""
    launched = Attempt.objects.filter(step__job__gt=since, launched_at__isnull=False)
    return {
        f"started {name}": launched.filter(started_warm=warm).count()
        for name, warm in (("warm", True), ("cold", False))
    }
