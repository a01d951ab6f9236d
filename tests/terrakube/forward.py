"""A port where pods reach a server that listens on this machine's loopback alone."""

from __future__ import annotations

import shutil
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def _copy(source: socket.socket, target: socket.socket) -> None:
    with source.makefile("rb", buffering=0) as reader, target.makefile("wb", buffering=0) as writer:
        try:
            shutil.copyfileobj(reader, writer)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            # Either end may go at any time, and the other hears of it.
            return


@contextmanager
def forwarded(host: str, port: int, *, at: str) -> Iterator[int]:
    """The port at the address ``at`` that leads to ``host`` and ``port``."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((host, port)) as upstream:
                back = threading.Thread(target=_copy, args=(upstream, self.request), daemon=True)
                back.start()
                _copy(self.request, upstream)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server((at, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
