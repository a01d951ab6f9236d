"""Starting the agent as the process that it is, against the API server of the tests."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

from executors.contract.job_data import encode_claim
from tests.agent.api_server import ATTEMPT_TOKEN, ApiServer
from tests.support.patience import patient

ROOT = Path(__file__).resolve().parents[2]


def job(**fields: Any) -> dict[str, Any]:
    """The job data of a plan of an uploaded source; `fields` by their JSON names change it."""
    return {
        "type": "terraformPlan",
        "organizationId": "c50a565f-93bc-415c-905a-773435509bb7",
        "workspaceId": "23a2a9db-095a-4c17-a239-af784de35ced",
        "jobId": "2",
        "stepId": "6196cecd-3e01-464c-b107-dafc4d97d93d",
        "terraformVersion": "1.11.4",
        "source": "",
        "branch": "remote-content",
        "folder": "/",
        "vcsType": "PUBLIC",
        "tofu": False,
        "environmentVariables": {"TF_IN_AUTOMATION": "1", "workspaceName": "ws1", "organizationName": "acme"},
        "variables": {},
        **fields,
    }


def answer(job_data: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The answer of a claim."""
    return {
        "jobData": job_data,
        "sensitive": [],
        "planOnly": False,
        "hasPlan": False,
        "maxPlanFilesBytes": 1024**2,
        "upload": job_data["branch"] == "remote-content",
        "releases": {"terraform": "", "tofu": ""},
        "color": False,
        "heartbeatSeconds": 0.2,
        "graceSeconds": patient(20),
        "outageSeconds": patient(20),
        "logBufferBytes": 67108864,
        **members,
    }


def archive(files: dict[str, str]) -> bytes:
    """A tar.gz of text files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


class Agent:
    """One agent process. Its output goes to files, since nobody reads pipes while a test waits."""

    def __init__(
        self,
        api: ApiServer,
        directory: Path,
        *,
        data: str | None = None,
        user: int | None = None,
        python: str = sys.executable,
        **environment: str,
    ) -> None:
        self.home = directory / "home"
        self.work = directory / "work"
        for path in (self.home, self.work):
            path.mkdir(exist_ok=True)
            if user is not None:
                os.chown(path, user, -1)
        self._errors = directory / "stderr"
        inherited = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG")}
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [python, "-m", "executors.agent"],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                user=user,
                env={
                    **inherited,
                    "HOME": str(self.home),
                    "CHECKPOINT_DISABLE": "1",
                    "TERRAKUBE_WORK_DIR": str(self.work),
                    "EphemeralFlagBatch": "true",
                    "EphemeralJobData": encode_claim(api.url, ATTEMPT_TOKEN) if data is None else data,
                    **environment,
                },
            )

    def wait(self, seconds: float = 30) -> int:
        """The exit code; with patience for a busy machine."""
        try:
            return self.process.wait(patient(seconds))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def peak_kib(self) -> int:
        """The most memory that it has used so far; 0 when it has ended."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def errors(self) -> str:
        return self._errors.read_text(errors="replace")
