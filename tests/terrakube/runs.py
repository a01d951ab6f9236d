"""Whole steps of the fake executor, as processes of this machine, against a server that listens."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from executors.installation.settings import installation
from executors.launching import terrakube_image
from executors.launching.kubernetes_job import ephemeral_job_data
from executors.models import Attempt
from tests.support.patience import patient
from workspaces import flows
from workspaces.choices import Category
from workspaces.models import Workspace
from workspaces.services.workspaces import set_variable
from workspaces.variables.in_force import step_inputs

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Fake:
    """The executor image of one version, with the Secret that its pods get."""

    version: str
    address: str
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def secret(self) -> dict[str, str]:
        """The entries of the Secret."""
        return {
            "AzBuilderApiUrl": self.address,
            "TerrakubeApiUrl": self.address,
            "TerrakubeRegistryDomain": "registry.example",
            "TerrakubeEnableSecurity": "true",
            "InternalSecret": settings.INTERNAL_SECRET,
            "TerrakubeToolsRepository": "https://git.example/tools.git",
            "TerrakubeToolsBranch": "main",
            "TerraformStateType": "LocalTerraformStateImpl",
            "TerrakubeRedisHostname": os.environ.get("TerrakubeRedisHostname", ""),
            "TerrakubeRedisPort": os.environ.get("TerrakubeRedisPort", "6379"),
            "TerrakubeRedisPassword": os.environ.get("TerrakubeRedisPassword", ""),
            "CustomTerraformReleasesUrl": "",
            "FAKE_VERSION": self.version,
            "FAKE_PACE": "0.01",
            **self.environ,
        }

    def start(self, attempt: Attempt) -> subprocess.Popen[str]:
        """Start what a pod of the attempt would start."""
        step = attempt.step
        terrakube_image.prepare_launch(attempt, step)
        inputs = step_inputs(step.job, flows.from_json(step.flow))
        text = ephemeral_job_data(attempt, step, inputs, installation())
        return subprocess.Popen(
            [sys.executable, "-m", "tests.terrakube.fake"],
            cwd=PROJECT,
            env={"EphemeralFlagBatch": "true", "EphemeralJobData": text, **self.secret},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, attempt: Attempt) -> str:
        """Run a step to its end, which is with 0, and return what the container said."""
        with self.start(attempt) as process:
            output, _ = process.communicate(timeout=patient(SECONDS))
        assert process.returncode == 0, output
        return output


def ask(workspace: Workspace, **asked: str) -> None:
    """Tell the fake's terraform what to find."""
    for name, value in asked.items():
        set_variable(workspace, by=None, key=name, value=value, category=Category.ENV)
