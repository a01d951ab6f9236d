"""The tests' own servers leave no thread behind, which would take the connections of another test's server."""

from __future__ import annotations

import socket
import threading

from tests.support.loopback import Listener


def test_a_listener_that_is_closed_leaves_no_thread_and_frees_its_port() -> None:
    heard = threading.Event()

    def take(connection: socket.socket) -> None:
        connection.close()
        heard.set()

    before = set(threading.enumerate())
    listener = Listener(take)
    with socket.create_connection(("127.0.0.1", listener.port)):
        assert heard.wait(30)
    listener.close()
    listener.close()
    assert set(threading.enumerate()) == before
    with socket.create_server(("127.0.0.1", listener.port)):
        assert True
