"""What the cluster says of a pod repeats nothing that a sensitive setting says, in no reason, timeline or log line."""

from __future__ import annotations

import json

import pytest

from executors.models import AttemptEvent
from tests.executors.watching.conftest import Make, MemoryCluster, Run
from tests.executors.watching.test_sweep import job_of
from tests.factories import VariableFactory
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("sensitive", [True, False])
def test_a_sensitive_name_is_told_in_nothing_that_is_kept(
    make: Make,
    run: Run,
    memory_cluster: MemoryCluster,
    workspace: Workspace,
    caplog: pytest.LogCaptureFixture,
    sensitive: bool,
) -> None:
    VariableFactory.create(
        workspace=workspace, key="EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP", value="tf-settings", sensitive=sensitive
    )
    attempt = make()
    memory_cluster.put(attempt, "missing-config-map")
    run()
    job = job_of(attempt)
    assert job.reason_code == "missing-config-map"
    events = list(AttemptEvent.objects.filter(attempt=attempt).values_list("detail", flat=True))
    kept = json.dumps([job.reason, *events, caplog.text])
    assert "ConfigMap" in kept
    assert ("tf-settings" in kept) != sensitive
