"""A registry on this machine that serves one image of the node as slowly, or as badly, as a test wants."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.support.loopback import LoopbackServer, QuietHandler

_JSON = "application/json"


class Registry(LoopbackServer):
    """Answers as ``status`` says, after ``seconds``; 200 serves the image."""

    def __init__(self, node_home: Path, image: str) -> None:
        self.status = 200
        self.seconds = 0.0
        self._node_home = node_home
        self._manifest = self._digest_of(image)
        super().__init__(self._handler())
        # The node takes an address of its own machine for one without TLS.
        self.image = f"127.0.0.1:{self.port}/executor:1"

    def _ctr(self, *arguments: str) -> bytes:
        command = ["ctr", "--address", str(self._node_home / "containerd.sock"), "--namespace", "k8s.io", *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def _digest_of(self, image: str) -> str:
        lines = self._ctr("images", "ls").decode().splitlines()
        rows = [line.split() for line in lines if line.split()[0].endswith(f"/{image}")]
        return rows[0][2]

    def _handler(self) -> type[QuietHandler]:
        registry = self

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                registry._answer(self, body=True)

            def do_HEAD(self) -> None:
                registry._answer(self, body=False)

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        *_, kind, name = request.path.split("/")
        content, media, status = b"{}", _JSON, 200
        if kind in ("manifests", "blobs"):
            time.sleep(self.seconds)
            if self.status == 200:
                digest = name if name.startswith("sha256:") else self._manifest
                content = self._ctr("content", "get", digest)
                media = json.loads(content)["mediaType"] if kind == "manifests" else "application/octet-stream"
                request.send_response(200)
                request.send_header("Docker-Content-Digest", digest)
            else:
                status = self.status
                code = {401: "UNAUTHORIZED", 404: "MANIFEST_UNKNOWN"}[status]
                content = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()
                request.send_response(status)
        else:
            request.send_response(200)
        request.send_header("Content-Type", media)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if body:
            request.wfile.write(content)

    def stop(self) -> None:
        """Stop, and let the node forget the image's name."""
        super().stop()
        self._ctr("images", "rm", self.image)


@contextmanager
def registry_of(node_home: Path, image: str) -> Iterator[Registry]:
    """A registry with one image that the node has, for as long as the context."""
    registry = Registry(node_home, image)
    try:
        yield registry
    finally:
        registry.stop()
