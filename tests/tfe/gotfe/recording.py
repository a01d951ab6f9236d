"""The site's application, which writes each request of the protocol with its answer to a file."""

from __future__ import annotations

import os
from typing import Any

VARIABLE = "RECORDED"
APPLICATION = "tests.tfe.gotfe.recording:application"
_LONGEST = 3000


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve as the site's application does."""
    from terrakube_site.asgi import application as site

    if scope["type"] != "http" or not scope["path"].startswith(("/api/v2/", "/remote/")):
        await site(scope, receive, send)
        return
    sent, answered, status = bytearray(), bytearray(), 0

    async def received() -> Any:
        message = await receive()
        sent.extend(message.get("body", b"")[:_LONGEST])
        return message

    async def answer(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)
        answered.extend(message.get("body", b"")[:_LONGEST])
        if message["type"] == "http.response.body" and not message.get("more_body"):
            # Before the client has its answer, after which the site may be ended.
            _write(scope, status, bytes(sent), bytes(answered))
        await send(message)

    await site(scope, received, answer)


def _write(scope: Any, status: int, sent: bytes, answered: bytes) -> None:
    query = scope["query_string"].decode(errors="replace")
    lines = [f"{scope['method']} {scope['path']}{'?' if query else ''}{query} -> {status}"]
    for mark, body in ((">", sent), ("<", answered)):
        if body:
            lines.append(f"  {mark} {body[:_LONGEST].decode(errors='replace')}")
    with open(os.environ[VARIABLE], "a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
