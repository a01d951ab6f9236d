"""How large a request may be, held before anything of it is kept.

Django writes a whole body to disk before a view runs, whoever sent it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[Mapping[str, Any]]]
type Send = Callable[[Mapping[str, Any]], Awaitable[None]]
type Application = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

MIB = 2**20
# What executors send: states and plans; their views hold them to 512 MiB.
EXECUTOR_BYTES = 513 * MIB
EXECUTOR_PATH = "/executor/"


class _TooLarge(Exception):
    pass


def limited(application: Application, *, source_bytes: int) -> Application:
    """The application, which gets no body that is larger than an uploaded source or, from executors, a plan may be."""
    most = max(source_bytes, 16 * MIB) + MIB

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        limit = EXECUTOR_BYTES if scope["path"].startswith(EXECUTOR_PATH) else most
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if not said.isdigit() or len(said) > 15 or int(said) > limit:
            await _refuse(send, limit)
            return
        size, begun = 0, False

        async def count() -> Mapping[str, Any]:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                raise _TooLarge
            return message

        async def note(message: Mapping[str, Any]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await application(scope, count, note)
        except _TooLarge:
            if not begun:
                await _refuse(send, limit)

    return answer


async def _refuse(send: Send, limit: int) -> None:
    text = {"errors": [{"status": "413", "detail": f"A request here has at most {limit // MIB} MiB."}]}
    body = json.dumps(text).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
