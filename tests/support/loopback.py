"""Servers on the loopback for what a test wants to be asked."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
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


class Listener:
    """Gives each connection to a function, in a thread of its own, from when it is made until ``close``.

    A thread that waits for a connection must be gone before its socket is closed: the kernel may begin its call anew by
    the number of the file, which is another server's by then, and the thread would take that one's connections.
    """

    def __init__(self, take: Callable[[socket.socket], object], *, host: str = "127.0.0.1", backlog: int = 128) -> None:
        self._take = take
        self._socket = socket.create_server((host, 0), backlog=backlog)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no connection any more, and free the port; may be called again."""
        if self._socket.fileno() < 0:
            return
        wake(self._socket)
        self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._take(connection)


def wake(connection: socket.socket) -> None:
    """End what a thread waits for at a socket, which stays open."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
