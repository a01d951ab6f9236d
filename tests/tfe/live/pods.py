"""A site over https whose steps run in pods, which reach it over http as they do within a cluster."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.spine.processes import Process
from tests.spine.sources import answers, free_port
from tests.spine.waiting import await_that
from tests.tfe.tls import TlsSite


class PodSite(TlsSite):
    """A site at an address that pods reach, with one more web process that speaks http to them."""

    def __init__(self, folder: Path, host: str, environ: Mapping[str, str], *, namespace: str) -> None:
        self._plain_port = free_port(host)
        more = {"AzBuilderApiUrl": f"http://{host}:{self._plain_port}", **environ}
        super().__init__(folder, more, host=host, namespace=namespace)
        web = [sys.executable, "-m", "uvicorn", "terrakube_site.asgi:application", "--host", host]
        web += ["--port", str(self._plain_port), "--no-access-log", "--log-level", "warning"]
        self._plain = Process("plain", web, self.environ, folder)

    @property
    def processes(self) -> tuple[Process, ...]:
        return *super().processes, self._plain

    def start(self) -> None:
        self._plain.start()
        super().start()
        await_that(lambda: answers(self.host, self._plain_port), "the web process answers pods", 30)
