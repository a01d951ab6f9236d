"""An HTTP server on the loopback for what a test wants to be asked."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class QuietHandler(BaseHTTPRequestHandler):
    """Answers, and writes nothing about it to the test's output."""

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: what was asked the test keeps itself."""


class LoopbackServer:
    """Serves requests with a handler, from when it is made until ``stop``."""

    def __init__(self, handler: type[QuietHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more, and free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
