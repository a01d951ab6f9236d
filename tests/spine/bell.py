"""A counter that a step's commands ring from wherever they run, apart from anything that the site itself keeps."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.spine.waiting import await_that


class Bell:
    """Keeps every line that is sent to it; ``host`` and ``port`` are where a pod reaches it."""

    def __init__(self, host: str) -> None:
        rung: list[str] = []
        self.rung = rung

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    rung.append(line.decode(errors="replace").strip())

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

        self._server = Server((host, 0), Handler)
        self.host = host
        self.port = int(self._server.server_address[1])

    def script(self, text: str) -> str:
        """A line of bash that rings with a text, in which bash replaces its variables; it fails when nobody hears."""
        return f'echo "{text}" >/dev/tcp/{self.host}/{self.port}'

    def count(self, text: str) -> int:
        return self.rung.count(text)

    def await_ring(self, text: str, seconds: float = 40) -> None:
        await_that(lambda: self.count(text), f"{text!r} rings", seconds)

    @contextmanager
    def serving(self) -> Iterator["Bell"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
