"""An installation whose pods run Terrakube's image, with the object storage that it shares with them."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from executors.attempts import lifecycle
from executors.choices import ExecutorKind
from executors.installation.settings import installation
from executors.models import Attempt
from executors.terrakube import storage
from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from tests.spine.sources import answers, free_port
from tests.support.database import is_set_up
from tests.support.patience import patient
from tests.terrakube.fake.s3 import Bucket
from workspaces.jobs import transitions
from workspaces.models import Job, Step, Workspace
from workspaces.services import jobs

BUCKET = "terrakube"
REGION = "us-east-1"
type UseImage = Callable[[str], None]
type Launch = Callable[..., Attempt]


@pytest.fixture(scope="session", autouse=True)
def job_numbers(request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let jobs count from anywhere: their streams lie in one Redis, and other workers' jobs count from 1 too."""
    if not is_set_up(request.session.items):
        return
    start = secrets.randbelow(10**12)
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT setval(pg_get_serial_sequence('workspaces_job', 'id'), %s)", [start + 1])
        else:
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('workspaces_job', %s)", [start])


@pytest.fixture
def use_image(monkeypatch: pytest.MonkeyPatch) -> Iterator[UseImage]:
    """Let pods run an image from now on."""

    def use(image: str) -> None:
        monkeypatch.setenv("ExecutorEphemeralImage", image)
        installation.cache_clear()

    monkeypatch.setenv("AzBuilderApiUrl", "http://site.example")
    use("azbuilder/executor:2.30.2")
    yield use
    installation.cache_clear()


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory.create()


@pytest.fixture
def launch(workspace: Workspace, use_image: UseImage) -> Launch:
    """Launch the next step of a job, as far as the records know."""

    def launch(job: Job | None = None, *, flow: str = PLAN_AND_APPLY) -> Attempt:
        job = job or jobs.create_job(workspace, by=None, tcl=flow)
        step_id = transitions.advance(job.pk)
        assert step_id is not None
        attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.KUBERNETES)
        assert attempt is not None
        lifecycle.mark_launched(attempt, namespace="here", image=installation().image)
        attempt.step = Step.objects.select_related("job__workspace").get(pk=step_id)
        return attempt

    return launch


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that speaks S3, with one bucket."""
    port = free_port("127.0.0.1")
    log = tmp_path_factory.mktemp("s3") / "log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as server:
        try:
            deadline = time.monotonic() + patient(30)
            while not answers("127.0.0.1", port):
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            endpoint = f"http://127.0.0.1:{port}"
            Bucket(bucket_environ(endpoint)).put("", b"")
            yield endpoint
        finally:
            server.terminate()


def bucket_environ(endpoint: str) -> dict[str, str]:
    """The storage as the executor's environment names it."""
    return {
        "TerraformStateType": "AwsTerraformStateImpl",
        "AwsTerraformStateAccessKey": "access",
        "AwsTerraformStateSecretKey": "secret-of-the-bucket",
        "AwsTerraformStateBucketName": BUCKET,
        "AwsTerraformStateRegion": REGION,
        "AwsEndpoint": endpoint,
    }


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """The bucket, which the site reads under Terrakube's names."""
    for name, value in site_environ(s3_endpoint).items():
        monkeypatch.setenv(name, value)
    storage.forget()
    yield Bucket(bucket_environ(s3_endpoint))
    storage.forget()


def site_environ(endpoint: str) -> dict[str, str]:
    """The same storage as the site's environment names it."""
    return {
        "StorageType": "AWS",
        "AwsStorageAccessKey": "access",
        "AwsStorageSecretKey": "secret-of-the-bucket",
        "AwsStorageBucketName": BUCKET,
        "AwsStorageRegion": REGION,
        "AwsEndpoint": endpoint,
    }


@pytest.fixture
def local_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that the site shares with its executors."""
    monkeypatch.setenv("StorageType", "LOCAL")
    monkeypatch.setenv("TERRAKUBE_LOCAL_STORAGE", str(tmp_path))
    storage.forget()
    yield tmp_path
    storage.forget()
