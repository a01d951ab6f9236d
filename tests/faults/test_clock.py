"""A pod whose clock is an hour ahead.

A pod has its node's clock, and this node's is everybody's. So the executor's program, and all that it starts and that
asks the C library, are shown another one: by a library that a ConfigMap mounts and LD_PRELOAD names. Terraform asks the
kernel itself, and keeps the right time.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from executors.models import Attempt, AttemptEvent
from tests.faults.marks import FAULT
from tests.faults.sound import whole_log
from tests.faults.trial import PLAN_AND_APPLY, Trial
from tests.spine.cluster import arguments, processes_of
from tests.support.needs import PREFIX, promised

pytestmark = FAULT

SOURCE = Path(__file__).with_name("clock.c")
NAME, FOLDER = "clock", "/opt/clock"
SHIFTED = {
    "EPHEMERAL_CONFIG_MAP_NAME": NAME,
    "EPHEMERAL_CONFIG_MAP_MOUNT_PATH": FOLDER,
    "EPHEMERAL_JOB_ENV_VARS": f"LD_PRELOAD={FOLDER}/clock.so",
}
HOUR = 3600


@pytest.fixture
def shifted(trial: Trial, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a workspace needs to have its pods' clocks an hour ahead."""
    compiler = shutil.which("cc")
    if compiler is None:
        if "cluster" in promised():
            pytest.fail("there is no C compiler (cc), which makes the other clock", pytrace=False)
        pytest.skip(f"{PREFIX}cluster: there is no C compiler (cc), which makes the other clock")
    made = tmp_path / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, SOURCE], check=True)
    content = {"metadata": {"name": NAME}, "binaryData": {"clock.so": base64.b64encode(made.read_bytes()).decode()}}
    trial.cluster.core.create_namespaced_config_map(trial.site.namespace, content)  # type: ignore[arg-type]
    yield SHIFTED
    trial.cluster.core.delete_namespaced_config_map(NAME, trial.site.namespace)


def ahead(attempt: Attempt) -> float:
    """By how many seconds the clock of a step's script was ahead when it said so."""
    found = re.search(rb"clock (\d+)", whole_log(attempt))
    assert found is not None
    return int(found[1]) - time.time()


def test_a_clock_that_is_an_hour_ahead_changes_nothing(trial: Trial, shifted: dict[str, str]) -> None:
    job = trial.job("echo clock $(date +%s); sleep 3", environment=shifted)
    trial.await_rung(job)
    trial.fault()
    # The executor itself has the library, not only what it starts.
    pod = trial.cluster.pod_of(trial.attempt(job))
    (executor,) = (one for one in processes_of(pod) if "executors.agent" in arguments(one))
    assert f"{FOLDER}/clock.so" in (executor / "maps").read_text() or "clock.so" in (executor / "maps").read_text()
    trial.assert_sound(job, marks=20)
    assert HOUR / 2 < ahead(trial.attempt(job)) <= HOUR
    # All times in the timeline are the site's.
    times = AttemptEvent.objects.filter(attempt__step__job=job).values_list("at", flat=True)
    assert (max(times) - min(times)).total_seconds() < HOUR / 2

    applied = trial.apply_job("true", flow=PLAN_AND_APPLY, environment=shifted)
    trial.assert_sound(applied)
