"""The calls of Terrakube's executor, one by one and byte for byte, for what a whole run never does."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from tests.terrakube.fake import job as jobs
from tests.terrakube.fake.http import MEDIA_TYPE, THIRTY_DAYS, token, without_nulls
from workspaces.models import Step

# As its JDK client sends them on plain HTTP.
H2C = {
    "Connection": "Upgrade, HTTP2-Settings",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
}
COMMIT = "197dd6c20caa1b2c18bf2cdfe3c67d4493f5351b"


def internal_token(**changes: Any) -> str:
    given: dict[str, Any] = {"seconds": THIRTY_DAYS, "audience": ["TerrakubeInternal"], **changes}
    return token(settings.INTERNAL_SECRET, given["seconds"], audience=given["audience"])


class Calls:
    """An executor's calls for one step."""

    def __init__(self, step: Step, *, version: tuple[int, int] = (2, 30), bearer: str | None = None) -> None:
        self.step = step
        self.version = version
        self.bearer = internal_token() if bearer is None else bearer
        self._client = Client(raise_request_exception=False)

    def send(self, method: str, path: str, document: Any = None, *, media_type: str = MEDIA_TYPE) -> HttpResponse:
        body = b"" if document is None else json.dumps(without_nulls(document), indent=2).encode()
        headers = {
            "Accept": "*/*",
            **H2C,
            "User-Agent": "Java-http-client/25",
            "Authorization": f"Bearer {self.bearer}",
        }
        return self._client.generic(method, path, body, content_type=media_type, headers=headers)  # type: ignore[return-value]

    @property
    def job_path(self) -> str:
        return f"/api/v1/organization/{self.step.job.organization_id}/job/{self.step.job_id}"

    def job(self) -> dict[str, Any]:
        """The job as it is read before each write."""
        response = self.send("GET", f"{self.job_path}?include=step")
        assert response.status_code == 200, response.content
        found: dict[str, Any] = json.loads(response.content)["data"]
        return found

    def patch_job(self, status: str, **changes: Any) -> HttpResponse:
        return self.send("PATCH", self.job_path, jobs.echo(self.job(), self.version, status=status, **changes))

    def patch_step(self, status: str, *, output: str = "") -> HttpResponse:
        job = self.step.job
        address = f"http://site/tfoutput/v1/organization/{job.organization_id}/job/{job.pk}/step/{self.step.pk}"
        attributes = {"status": status, "output": output or address}
        document = {"data": {"type": "step", "id": str(self.step.pk), "attributes": attributes}}
        return self.send("PATCH", f"{self.job_path}/step/{self.step.pk}", document)

    def start(self) -> None:
        assert self.patch_job("running", commitId=COMMIT).status_code == 204
        assert self.patch_step("running").status_code == 204

    def end(self, *, step: str = "completed", job: str = "pending", **changes: Any) -> None:
        assert self.patch_step(step).status_code == 204
        assert self.patch_job(job, commitId=COMMIT, **changes).status_code == 204
