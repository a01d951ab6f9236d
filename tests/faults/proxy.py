"""The network between two parts of an installation, which a test can cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.loopback import Listener, wake

_BLOCK = 64 * 1024


class Proxy:
    """Forwards TCP connections to ``target``, until it is told not to."""

    def __init__(self, host: str, target: tuple[str, int] | None = None) -> None:
        self.host = host
        self.target = target
        self._open = threading.Event()
        self._open.set()
        self._refusing = False
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listener = Listener(self._take, host=host)
        self.port = self._listener.port

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def cut(self) -> int:
        """End all connections at once, as a router that was restarted does; returns how many there were."""
        with self._lock:
            connections, self._connections = self._connections, set()
        for connection in connections:
            # Its own thread closes it.
            wake(connection)
        return len(connections) // 2

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let nothing through meanwhile, and say nothing about it, as a network that drops packets."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """End all connections, new ones too, as a host on which nobody listens."""
        self._refusing = True
        self.cut()
        try:
            yield
        finally:
            self._refusing = False

    def close(self) -> None:
        self._listener.close()
        self._open.set()
        self.cut()

    def _take(self, client: socket.socket) -> None:
        if self._refusing or self.target is None:
            client.close()
            return
        threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.wait()
        if self._refusing:
            client.close()
            return
        assert self.target is not None
        try:
            server = socket.create_connection(self.target, timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self._lock:
            self._connections |= {client, server}
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server)
        back.join()
        with self._lock:
            self._connections -= {client, server}
        client.close()
        server.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_BLOCK):
                self._open.wait()
                sink.sendall(data)
        for each in (source, sink):
            wake(each)


@contextmanager
def proxy_on(host: str, target: tuple[str, int] | None = None) -> Iterator[Proxy]:
    """A proxy for as long as the context; ``target`` may be given to it later."""
    proxy = Proxy(host, target)
    try:
        yield proxy
    finally:
        proxy.close()
