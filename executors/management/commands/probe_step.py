"""Run one real ephemeral step through the REST API: what a fresh installation is tested with."""

from __future__ import annotations

import io
import json
import tarfile
import time
import urllib.error
import urllib.request
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workspaces.access import TokenUser
from workspaces.choices import FINAL_JOB, Category, JobStatus
from workspaces.ephemeral.variables import ENABLE
from workspaces.models import Organization
from workspaces.services import organizations, sources, tokens, workspaces

FLOW = """\
flow:
  - type: customScripts
    step: 100
    commands:
      - {runtime: BASH, priority: 1, script: ls}
"""


class Command(BaseCommand):
    help = "Run one script step in a Kubernetes Job, asked for by REST; fails unless it completes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--api", required=True, help="address of the site, such as http://terrakube-site:8080")
        parser.add_argument("--seconds", type=int, default=300, help="longest time to wait (default: 300)")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = organizations.create_organization(by=None, name=f"probe-{uuid4().hex[:12]}")
        record, token = tokens.create_token(by=TokenUser(name="probe", internal=True), description="probe", days=1)
        try:
            self._run(organization, options["api"].rstrip("/"), token, options["seconds"])
        finally:
            tokens.revoke_token(record, by=None)
            organization.delete()

    def _run(self, organization: Organization, address: str, token: str, seconds: int) -> None:
        workspace = workspaces.create_workspace(
            organization, by=None, name="probe", source="empty", branch="remote-content", terraform_version="1.11.4"
        )
        workspaces.set_variable(workspace, by=None, key=ENABLE, value="1", category=Category.ENV)
        sources.store_source(sources.create_configuration_version(workspace, by=None), _archive())
        template = organization.templates.create(name="Probe", tcl=FLOW)
        path = f"{address}/api/v1/organization/{organization.pk}/job"
        document = {
            "data": {
                "type": "job",
                "attributes": {"templateReference": str(template.pk)},
                "relationships": {"workspace": {"data": {"type": "workspace", "id": str(workspace.pk)}}},
            }
        }
        job = _call("POST", path, token, document)["data"]["id"]
        until = time.monotonic() + seconds
        status = ""
        while status not in FINAL_JOB:
            if time.monotonic() > until:
                raise CommandError(f"The step has not ended in {seconds} s; it is {status}.")
            time.sleep(0.5)
            status = _call("GET", f"{path}/{job}", token)["data"]["attributes"]["status"]
        reason = organization.jobs.get(pk=job).reason
        if status != JobStatus.COMPLETED:
            raise CommandError(f"The step ended {status}: {reason}")
        self.stdout.write("One step ran in a pod of its own and reported back.")


def _archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("probe"))
    return buffer.getvalue()


def _call(method: str, url: str, token: str, document: dict[str, Any] | None = None) -> Any:
    body = json.dumps(document).encode() if document is not None else None
    request = urllib.request.Request(url, data=body, method=method)  # noqa: S310 - the operator's own address
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("Content-Type", "application/vnd.api+json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise CommandError(f"{method} {url} was answered {error.code}: {error.read()[:300]!r}") from error
    except OSError as error:
        raise CommandError(f"{url} cannot be reached: {error}") from error
