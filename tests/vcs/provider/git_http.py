"""git over HTTP, by git's own http-backend."""

from __future__ import annotations

import os
import re
import subprocess
import zlib
from pathlib import Path

from tests.vcs.provider.calls import Call, Reply

_PATH = re.compile(
    r"/(?P<owner>[^/]+)/(?P<name>[^/]+?)(?:\.git)?(?P<rest>/info/refs|/git-upload-pack|/git-receive-pack)"
)


def repository_of(path: str) -> tuple[str, str, str] | None:
    """Return owner, name and the rest of a path that git asks for; None for any other path."""
    found = _PATH.fullmatch(path)
    return (found["owner"], found["name"], found["rest"]) if found else None


def writes(call: Call) -> bool:
    """Tell whether git wants to push."""
    return call.path.endswith("/git-receive-pack") or call.query.get("service") == "git-receive-pack"


def answer(call: Call, folder: Path, rest: str, user: str) -> Reply:
    """Let git answer a request for the bare repository in a folder; ``user`` has been let in."""
    body = call.body
    if call.headers.get("content-encoding") == "gzip":
        body = zlib.decompress(body, 31)
    environ = {
        **os.environ,
        "GIT_PROJECT_ROOT": str(folder.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROTOCOL": call.headers.get("git-protocol", ""),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "REMOTE_USER": user,
        "REQUEST_METHOD": call.method,
        "PATH_INFO": f"/{folder.name}{rest}",
        "QUERY_STRING": "&".join(f"{key}={value}" for key, value in call.query.items()),
        "CONTENT_TYPE": call.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
    }
    done = subprocess.run(["git", "http-backend"], input=body, env=environ, capture_output=True, check=False)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
    status = int(fields.pop("Status", "200").split()[0])
    return Reply(status, content, fields)
