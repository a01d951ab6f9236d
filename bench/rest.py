"""A client of the site's REST API, with one kept connection for each thread."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any
from urllib.parse import urlsplit

from bench.seed import Records


class Rest:
    """Starts and cancels jobs as any client of the API does."""

    def __init__(self, address: str, records: Records) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._records = records
        self._headers = {
            "Authorization": f"Bearer {records.token}",
            "Content-Type": "application/vnd.api+json",
            "Accept": "application/vnd.api+json",
        }
        self._jobs = f"/api/v1/organization/{records.organization}/job"
        self._local = threading.local()

    def connect(self) -> None:
        """Reopen this thread's connection, so that the next call does not pay for it."""
        self._local.connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
        self._local.connection.connect()

    def start_job(self, workspace: str) -> int:
        """POST a job of the plan-and-apply template; returns its number."""
        document = {
            "data": {
                "type": "job",
                "attributes": {"templateReference": self._records.template},
                "relationships": {"workspace": {"data": {"type": "workspace", "id": workspace}}},
            }
        }
        return int(self._call("POST", self._jobs, document, 201)["data"]["id"])

    def cancel_job(self, job: int) -> None:
        change = {"data": {"type": "job", "id": str(job), "attributes": {"status": "cancelled"}}}
        self._call("PATCH", f"{self._jobs}/{job}", change, 204)

    def _call(self, method: str, path: str, document: dict[str, Any], expected: int) -> Any:
        if not hasattr(self._local, "connection"):
            self.connect()
        connection: http.client.HTTPConnection = self._local.connection
        connection.request(method, path, json.dumps(document), self._headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != expected:
            raise RuntimeError(f"{method} {path} was answered {answer.status}: {body[:500].decode(errors='replace')}")
        return json.loads(body) if body else None
