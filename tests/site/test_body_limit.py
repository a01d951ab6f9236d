"""Nothing of a large body is read before its sender is known, and never more than the address takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from terrakube_site.http import body_limit
from terrakube_site.http.body_limit import FREE_BYTES, MIB, Allowed, Judge, Refusal, limited

PIECE = bytes(32 * 1024)
UNKNOWN = Refusal(401, b"{}", ((b"WWW-Authenticate", b"Bearer"),))


@dataclass
class Asked:
    """What became of one request: what was answered, what came through, and how much was read."""

    sent: list[Mapping[str, Any]] = field(default_factory=list)
    through: int = 0
    read: int = 0
    judged: list[int | None] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


def ask(verdict: Allowed | Refusal, pieces: int, *headers: tuple[bytes, bytes], silent: bool = False) -> Asked:
    """Send pieces through the limit; a silent client sends no more after them, and does not end the body either."""
    asked = Asked()
    left = pieces

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            asked.through += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Mapping[str, Any]:
        nonlocal left
        if not left and silent:
            await asyncio.Event().wait()
        left -= 1
        asked.read += len(PIECE)
        return {"type": "http.request", "body": PIECE, "more_body": left > 0 or silent}

    async def send(message: Mapping[str, Any]) -> None:
        asked.sent.append(message)

    async def judge(scope: Any, length: int | None) -> Allowed | Refusal:
        asked.judged.append(length)
        if isinstance(verdict, Allowed) and length is not None and length > verdict.limit:
            return body_limit.too_large(verdict.limit)
        return verdict

    _: Judge = judge
    scope = {"type": "http", "path": "/", "headers": list(headers)}
    asyncio.run(limited(application, judge)(scope, receive, send))
    return asked


def length(number: int) -> tuple[bytes, bytes]:
    return b"content-length", str(number).encode()


def test_a_small_body_is_left_to_the_view() -> None:
    asked = ask(UNKNOWN, 2, length(2 * len(PIECE)))
    assert (asked.status, asked.through, asked.judged) == (200, FREE_BYTES, [])


def test_who_declares_a_large_body_is_judged_before_its_first_byte() -> None:
    asked = ask(UNKNOWN, 10_000, length(10_000 * len(PIECE)))
    assert (asked.status, asked.through, asked.judged) == (401, 0, [10_000 * len(PIECE)])
    assert asked.read <= body_limit.DRAIN_BYTES + len(PIECE)


def test_who_declares_no_length_is_judged_at_the_first_byte_too_many() -> None:
    asked = ask(UNKNOWN, 10_000)
    assert (asked.status, asked.judged) == (401, [None])
    assert asked.through <= FREE_BYTES
    assert asked.read <= FREE_BYTES + body_limit.DRAIN_BYTES + 2 * len(PIECE)


def test_a_refusal_is_whole_and_closes_the_connection() -> None:
    asked = ask(UNKNOWN, 100, length(100 * len(PIECE)))
    assert asked.headers == {b"www-authenticate": b"Bearer", b"content-length": b"2", b"connection": b"close"}
    assert [message.get("more_body", False) for message in asked.sent[1:]] == [True, False]
    assert asked.sent[1]["body"] == b"{}"


@pytest.mark.parametrize("declared", [True, False])
def test_a_known_sender_is_held_to_what_the_address_takes(declared: bool) -> None:
    headers = [length(40 * len(PIECE))] if declared else []
    assert ask(Allowed(2 * MIB), 40, *headers).through == 40 * len(PIECE)
    asked = ask(Allowed(MIB), 40, *headers)
    assert asked.status == 413
    assert asked.through == (0 if declared else MIB)
    assert json.loads(asked.sent[1]["body"])["errors"][0]["detail"] == (
        "The body is larger than the 1 MiB that this address takes."
    )


@pytest.mark.parametrize("said", [b"nonsense", b"-1", b"1e9", b""])
def test_a_length_that_is_no_number_is_refused(said: bytes) -> None:
    assert (ask(Allowed(MIB), 1, (b"content-length", said)).status) == 400


def test_two_lengths_are_refused() -> None:
    assert ask(Allowed(MIB), 1, length(1), length(2)).status == 400


@pytest.mark.parametrize(("pieces", "verdict"), [(0, UNKNOWN), (1, UNKNOWN), (4, Allowed(MIB))])
def test_a_body_that_does_not_go_on_is_given_up(
    pieces: int, verdict: Allowed | Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limit, "IDLE_SECONDS", 0.01)
    monkeypatch.setattr(body_limit, "DRAIN_SECONDS", 0.01)
    asked = ask(verdict, pieces, silent=True)
    assert asked.status == 408
    assert asked.headers[b"connection"] == b"close"


def test_a_body_that_trickles_in_has_an_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "FREE_SECONDS", 0.0)
    assert ask(UNKNOWN, 1, silent=True).status == 408
