"""Its Redis: a client of the few commands that it sends, with keys and values as Java serializes them."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from .say import say


class RedisFailed(Exception):
    """Redis does not answer, or with an error."""


def serialized(text: str) -> bytes:
    """Good for text without NUL and within the basic plane."""
    data = text.encode()
    if len(data) > 0xFFFF:
        return b"\xac\xed\x00\x05\x7c" + len(data).to_bytes(8, "big") + data
    return b"\xac\xed\x00\x05\x74" + len(data).to_bytes(2, "big") + data


class Redis:
    """One connection, made at the first command."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = (environ.get("TerrakubeRedisHostname", ""), int(environ["TerrakubeRedisPort"]))
        self._password = environ.get("TerrakubeRedisPassword", "")
        self._socket: socket.socket | None = None
        self._buffer = b""

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=5)
            if self._password:
                self._send("AUTH", self._password)
            self._send("PING")
        return self._socket

    def command(self, *words: str | bytes) -> object:
        """Raises RedisFailed."""
        try:
            self._connected()
            return self._send(*words)
        except OSError as error:
            self._socket = None
            raise RedisFailed(str(error)) from error

    def _send(self, *words: str | bytes) -> object:
        assert self._socket is not None
        parts = [word.encode() if isinstance(word, str) else word for word in words]
        sent = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
        self._socket.sendall(sent)
        return self._answer()

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _more(self) -> None:
        assert self._socket is not None
        data = self._socket.recv(65536)
        if not data:
            raise OSError("Redis closed the connection")
        self._buffer += data

    def _answer(self) -> object:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise RedisFailed(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$" and int(rest) >= 0:
            while len(self._buffer) < int(rest) + 2:
                self._more()
            data, self._buffer = self._buffer[: int(rest)], self._buffer[int(rest) + 2 :]
            return data
        return rest if kind == b"+" else None

    # ---- what it does with it ---------------------------------------------------------------------------------------

    def make_groups(self, job_id: str) -> None:
        for group in ("CLI", "UI"):
            try:
                self.command("XGROUP", "CREATE", serialized(job_id), group, "$", "MKSTREAM")
            except RedisFailed as error:
                say(f"XGROUP: {error}")

    def add(self, key: str, fields: Mapping[str, str]) -> None:
        words = [part for name, value in fields.items() for part in (serialized(name), serialized(value))]
        self.command("XADD", serialized(key), "*", *words)

    def length(self, key: str) -> int:
        found = self.command("XLEN", serialized(key))
        assert isinstance(found, int)
        return found

    def beat(self, job_id: str) -> None:
        self.command("SET", serialized(f"executor-job-heartbeat:{job_id}"), serialized("1"), "EX", "45")

    def stop_beating(self, job_id: str) -> None:
        self.command("DEL", serialized(f"executor-job-heartbeat:{job_id}"))
