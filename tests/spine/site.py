"""A whole site for the tests: web, worker and watcher, with a queue and a namespace of their own."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django_q.brokers import get_broker
from django_q.conf import Conf

from tests.factories import OrganizationFactory
from tests.spine.processes import MANAGE, Process
from tests.spine.sources import answers, archive, free_port
from tests.spine.waiting import await_that
from workspaces.choices import Category, IacType, JobStatus
from workspaces.models import Job, Organization, Workspace
from workspaces.services.jobs import create_job
from workspaces.services.sources import upload_source
from workspaces.services.workspaces import create_workspace, set_variable
from workspaces.task_queue import client

HEARTBEAT_SECONDS = 1
OUTAGE_SECONDS = 40
LOST_SECONDS = 60
GRACE_SECONDS = 10
JOB_SECONDS = 60
NO_NAMESPACE = "none"
"""The namespace of a site whose steps run on this machine alone."""
VERSIONS = {IacType.TERRAFORM: "1.11.4", IacType.TOFU: "1.12.6"}
ENABLED = {"TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR": "1"}
_OURS = re.compile(r"TERRAKUBE_|Terrakube|Executor|AzBuilder|JAVA_TOOL_OPTIONS$|KUBECONFIG$|InternalSecret|PatSecret")

_LETTERS = str.maketrans("0123456789", "ghijklmnop")
"""A name without digits is not found where a job's number is searched."""


class Site:
    """The processes of an installation, and what its users do. ``namespace`` is that of the step Jobs.

    ``tls`` is the certificate and the key of a web process that speaks https.
    """

    def __init__(
        self,
        folder: Path,
        host: str,
        environ: Mapping[str, str],
        *,
        namespace: str,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.namespace = namespace
        self.folder = folder
        self.host = host
        self.port = free_port(host)
        self.queue = f"test-{uuid4().hex[:10]}"
        self.address = f"{'https' if tls else 'http'}://{host}:{self.port}"
        self.environ = self._environ(environ)
        web = [sys.executable, "-m", "uvicorn", "terrakube_site.asgi:application", "--host", host]
        web += ["--port", str(self.port), "--no-access-log", "--log-level", "warning"]
        if tls:
            web += ["--ssl-certfile", str(tls[0]), "--ssl-keyfile", str(tls[1])]
        pooled = self.environ | {"TERRAKUBE_DATABASE_POOL": "1"}
        self.web = Process("web", web, pooled, folder)
        self.worker = Process("worker", [*MANAGE, "qcluster"], self.environ, folder)
        self.watcher = Process("watcher", [*MANAGE, "watch"], self.environ, folder)
        self._organization: Organization | None = None

    def _environ(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
        redis = {name: value for name, value in os.environ.items() if name.startswith("TerrakubeRedis")}
        return {
            **kept,
            **redis,
            "TERRAKUBE_DATA_DIR": str(self.folder),
            "TERRAKUBE_DATABASE_URL": database_url(),
            "TERRAKUBE_QUEUE": self.queue,
            "TERRAKUBE_ALLOWED_HOSTS": self.host,
            "TERRAKUBE_SOURCE_SCHEMES": "https,ssh,http,git,file",
            "TERRAKUBE_LOG_LEVEL": "DEBUG",
            "TERRAKUBE_SECRET_KEY": settings.SECRET_KEY,
            "TERRAKUBE_ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
            "InternalSecret": settings.INTERNAL_SECRET,
            "PatSecret": settings.PAT_SECRET,
            "TerrakubeApiUrl": self.address,
            "AzBuilderApiUrl": self.address,
            "ExecutorLocalApiUrl": self.address,
            "ExecutorEphemeralNamespace": self.namespace,
            "ExecutorEphemeralSecret": "",
            "ExecutorEphemeralGraceSeconds": str(GRACE_SECONDS),
            "ExecutorEphemeralApplyGraceSeconds": str(GRACE_SECONDS),
            "ExecutorHeartbeatSeconds": str(HEARTBEAT_SECONDS),
            "ExecutorOutageSeconds": str(OUTAGE_SECONDS),
            "ExecutorLostAfterSeconds": str(LOST_SECONDS),
            **more,
        }

    @property
    def processes(self) -> tuple[Process, ...]:
        return self.web, self.worker, self.watcher

    def start_web(self) -> None:
        self.web.start()
        await_that(lambda: answers(self.host, self.port), "the web process answers", 30)

    def start(self) -> None:
        for process in (self.worker, self.watcher):
            process.start()
        self.start_web()

    @contextmanager
    def at_hand(self) -> Iterator[Self]:
        """Let this process queue tasks for the site's worker; in the end stop all of the site and empty its queue."""
        with pytest.MonkeyPatch.context() as patch:
            # Which queue a process writes to is read once from its environment, and this process has no queue yet.
            patch.setattr(Conf, "PREFIX", self.queue)
            patch.setattr(Conf, "CLUSTER_NAME", self.queue)
            client.cached_broker.cache_clear()
            try:
                yield self
            finally:
                for process in self.processes:
                    # Nothing of it is needed any more, so nothing need be orderly.
                    process.end()
                self.lose_tasks()
                client.cached_broker.cache_clear()

    def lose_tasks(self) -> int:
        """Lose all tasks that are queued; returns how many these were."""
        broker = get_broker(self.queue)
        count = int(broker.queue_size())
        broker.delete_queue()
        return count

    # ---- what a user does -------------------------------------------------------------------------------------------

    @property
    def organization(self) -> Organization:
        if self._organization is None:
            self._organization = OrganizationFactory.create()
        return self._organization

    def workspace(
        self,
        files: Mapping[str, str] | None = None,
        *,
        name: str = "",
        tool: IacType = IacType.TERRAFORM,
        environment: Mapping[str, str] | None = None,
        on_cluster: bool = True,
        **attributes: object,
    ) -> Workspace:
        """A workspace with uploaded files, or with the ``source`` and ``branch`` that are given."""
        if "source" not in attributes:
            attributes |= {"source": "empty", "branch": "remote-content"}
        made = create_workspace(
            self.organization,
            by=None,
            name=name or f"workspace-{uuid4().hex[:10].translate(_LETTERS)}",
            iac_type=tool,
            terraform_version=VERSIONS[tool],
            **attributes,
        )
        for key, value in {**(ENABLED if on_cluster else {}), **(environment or {})}.items():
            set_variable(made, by=None, key=key, value=value, category=Category.ENV)
        if made.uploaded_source:
            upload_source(made, archive(files or {"main.tf": "# nothing\n"}), by=None)
        return made

    def job(self, workspace: Workspace, flow: str) -> Job:
        return create_job(workspace, by=None, tcl=flow)

    # ---- what comes of it -------------------------------------------------------------------------------------------

    def await_status(self, job: Job, *statuses: JobStatus, seconds: float = JOB_SECONDS) -> Job:
        """Wait until a job has one of the statuses; a job that ends in another fails the test at once."""

        def there() -> bool:
            job.refresh_from_db()
            if job.is_final and job.status not in statuses:
                pytest.fail(f"{story(job)}\nis {job.status}, not {' or '.join(statuses)}")
            return job.status in statuses

        await_that(there, f"job {job.pk} is {' or '.join(statuses)}", seconds)
        return job


def database_url() -> str:
    """The address of the tests' own database, for other processes; empty for SQLite, which they open by its path."""
    if connection.vendor == "sqlite":
        return ""
    found = connection.settings_dict
    user, password = quote(found["USER"], safe=""), quote(found["PASSWORD"], safe="")
    return f"postgresql://{user}:{password}@{found['HOST']}:{found['PORT']}/{quote(found['NAME'], safe='')}"


def story(job: Job) -> str:
    """A job with its steps, attempts and reasons, for the report of a failure."""
    lines = [f"job {job.pk}: {job.status} {job.reason!r} holds_workspace={job.holds_workspace}"]
    for step in job.steps.all():
        lines.append(f"  step {step.step_number} {step.type}: {step.status} {step.reason_code} {step.reason!r}")
        for attempt in step.attempts.order_by("number"):
            lines.append(
                f"    attempt {attempt.number} {attempt.pk}: {attempt.state} {attempt.outcome} {attempt.reason_code} "
                f"{attempt.reason!r} phase={attempt.phase} exit={attempt.exit_code}"
            )
            lines += [f"      {event.at:%H:%M:%S.%f} {event.kind} {event.detail}" for event in attempt.events.all()]
    return "\n".join(lines)
