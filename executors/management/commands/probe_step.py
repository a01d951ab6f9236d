"""Run one real ephemeral step through the REST API, to test a fresh installation."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from workspaces.choices import FINAL_JOB, JobStatus
from workspaces.models import Organization
from workspaces.pods.catalogue import ENABLE
from workspaces.services.tokens import internal_token

FLOW = """\
flow:
  - type: customScripts
    step: 100
    commands:
      - {runtime: BASH, priority: 1, script: ls}
"""
ANSWER_SECONDS = 30
"""How long the site may need to come up and answer the first call."""
MEDIA_TYPE = "application/vnd.api+json"


class Command(BaseCommand):
    help = "Run one script step in a Kubernetes Job, asked for by REST; fails unless it completes."
    # It needs the site's keys and its address, and no database.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--api", required=True, help="address of the site, such as http://terrakube-site:8080")
        parser.add_argument("--seconds", type=int, default=300, help="longest time to wait (default: 300)")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site(options["api"].rstrip("/"), internal_token(seconds=options["seconds"] + 600))
        organization = site.first_create(
            "/api/v1/organization", "organization", {"name": f"probe-{uuid4().hex[:12]}", "description": "A test"}
        )
        path = f"/api/v1/organization/{organization}"
        try:
            self._run(site, path, options["seconds"])
        finally:
            site.call("DELETE", path)
            self._forget(organization)
        self.stdout.write("One step ran in a pod of its own and reported back.")

    def _run(self, site: Site, path: str, seconds: int) -> None:
        # This source is not fetched: an archive takes its place.
        attributes = {"name": "probe", "source": "empty", "branch": "remote-content", "terraformVersion": "1.11.4"}
        workspace = site.create(f"{path}/workspace", "workspace", attributes)
        variable = {"key": ENABLE, "value": "1", "category": "ENV", "sensitive": False, "hcl": False}
        site.create(f"{path}/workspace/{workspace}/variable", "variable", variable)
        site.upload(workspace, _archive())
        template = site.create(
            f"{path}/template", "template", {"name": "Probe", "tcl": base64.b64encode(FLOW.encode()).decode()}
        )
        job = site.create(f"{path}/job", "job", {"templateReference": template}, workspace=workspace)
        until = time.monotonic() + seconds
        found = {"status": "", "reason": ""}
        while found["status"] not in FINAL_JOB:
            if time.monotonic() > until:
                raise CommandError(f"The step has not ended in {seconds} s; it is {found['status']}: {found['reason']}")
            time.sleep(0.5)
            found = site.call("GET", f"{path}/job/{job}")["data"]["attributes"]
        if found["status"] != JobStatus.COMPLETED:
            raise CommandError(f"The step ended {found['status']}: {found['reason']}")

    def _forget(self, organization: str) -> None:
        """Delete what REST has only disabled; where the database is that of another pod, it stays so."""
        try:
            Organization.objects.filter(pk=organization).delete()
        except DatabaseError:
            self.stdout.write("The organization of the test stays, disabled: its database is out of reach from here.")


class Site:
    """The REST API, called as the installation itself."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._token = token

    def first_create(self, path: str, kind: str, attributes: dict[str, Any]) -> str:
        """As ``create``, and again while the site does not answer yet."""
        until = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                return self.create(path, kind, attributes)
            except Unreachable:
                if time.monotonic() > until:
                    raise
                time.sleep(1)

    def create(self, path: str, kind: str, attributes: dict[str, Any], *, workspace: str = "") -> str:
        """Create something and return its id."""
        data: dict[str, Any] = {"type": kind, "attributes": attributes}
        if workspace:
            data["relationships"] = {"workspace": {"data": {"type": "workspace", "id": workspace}}}
        return str(self.call("POST", path, {"data": data})["data"]["id"])

    def upload(self, workspace: str, archive: bytes) -> None:
        document = {"data": {"type": "configuration-versions", "attributes": {}}}
        path = f"/remote/tfe/v2/workspaces/{workspace}/configuration-versions"
        given = urlsplit(self.call("POST", path, document)["data"]["attributes"]["upload-url"])
        # That is the address for people, which a pod need not reach.
        self._send("PUT", f"{given.path}?{given.query}", archive, "application/octet-stream")

    def call(self, method: str, path: str, document: dict[str, Any] | None = None) -> Any:
        body = json.dumps(document).encode() if document is not None else None
        answer = self._send(method, path, body, MEDIA_TYPE)
        return json.loads(answer) if answer else None

    def _send(self, method: str, path: str, body: bytes | None, media_type: str) -> bytes:
        url = self._address + path
        request = urllib.request.Request(url, data=body, method=method)  # noqa: S310 - the operator's own address
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("Content-Type", media_type)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise CommandError(f"{method} {path} was answered {error.code}: {error.read()[:300]!r}") from error
        except OSError as error:
            raise Unreachable(f"{self._address} cannot be reached: {error}") from error


class Unreachable(CommandError):
    """The site's address does not answer."""


def _archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("probe"))
    return buffer.getvalue()
