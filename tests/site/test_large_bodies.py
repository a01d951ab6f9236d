"""Large bodies at the doors of a real server: a stranger's is not read, and nobody's goes to disk beyond its limit."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from terrakube_site.http.body_limit import MIB
from tests.panel.site import PanelSite, panel_site
from tests.spine.waiting import await_that
from tests.support.patience import patient

# One site serves them all.
pytestmark = pytest.mark.xdist_group("large-bodies")

SESSION = "s" * 43
MUCH = 48 * MIB
# What the kernel of both sides takes in for a server that does not read, and what the server reads ahead.
UNREAD = 8 * MIB
_SET_UP = f"""
import json
from django.contrib.auth.models import User
from executors.attempts import lifecycle as attempts
from executors.choices import ExecutorKind
from executors.attempts.tokens import claim_token
from workspaces.jobs import transitions
from workspaces.models import Workspace, Template
from workspaces.services import jobs, tokens
from tfe.runs.upload_address import upload_address
from workspaces.services.sources import create_configuration_version

workspace = Workspace.objects.get()
job = jobs.create_job(workspace, by=None, template=Template.objects.first())
attempt = attempts.open_attempt(transitions.advance(job.pk), executor=ExecutorKind.LOCAL)
attempts.mark_launched(attempt, host="here")
attempts.claim_attempt(attempt, "{SESSION}")
user = User.objects.get()
version = create_configuration_version(workspace, by=None)
print(json.dumps({{
    "attempt": str(attempt.pk),
    "workspace": str(workspace.pk),
    "organization": str(workspace.organization_id),
    "job": job.pk,
    "token": tokens.create_token(by=user)[1],
    "upload": upload_address(version),
}}))
"""


@dataclass(frozen=True)
class Site:
    """A running site and what its set-up made."""

    site: PanelSite
    made: dict[str, Any]

    def fill(self, path: str) -> str:
        return path.format(**self.made | {"upload": urlsplit(self.made["upload"]).path})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with panel_site(tmp_path_factory.mktemp("site"), worker=False) as found:
        yield Site(found, json.loads(found.run(_SET_UP).splitlines()[-1]))


@dataclass(frozen=True)
class Answer:
    """What a client saw, and how many bytes of its body left it."""

    status: int
    head: bytes
    body: bytes
    sent: int


def kept_on_disk(pid: int) -> int:
    """The bytes in the temporary files that a process has open; these have no name."""
    found = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
            if target.endswith("(deleted)") and not target.startswith(("/memfd:", "/dev/")):
                found += link.stat().st_size
        except FileNotFoundError:
            continue
    return found


def send(
    site: Site, method: str, path: str, size: int, *, token: str = "", chunked: bool = False, expect: bool = False
) -> Answer:
    """Send a body as a careless client does: all of it, and only then look for the answer, unless it was cut off."""
    address = urlsplit(site.site.url)
    head = [f"{method} {path} HTTP/1.1", f"Host: {address.netloc}", "Content-Type: application/vnd.api+json"]
    head += [f"Authorization: Bearer {token}"] if token else []
    head += ["Transfer-Encoding: chunked"] if chunked else [f"Content-Length: {size}"]
    head += ["Expect: 100-continue"] if expect else []
    piece, sent = b" " * (64 * 1024), 0
    with socket.create_connection((address.hostname, address.port), timeout=patient(30)) as client:
        client.sendall("\r\n".join([*head, "", ""]).encode())
        if not expect:
            try:
                while sent < size:
                    client.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                    sent += len(piece)
                if chunked:
                    client.sendall(b"0\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass
        received = b""
        try:
            while b"\r\n\r\n" not in received or b"content-length: %d" % len(body_of(received)) not in received.lower():
                more = client.recv(65536)
                if not more:
                    break
                received += more
        except ConnectionResetError:
            pass
    status = int(received.split(b" ", 2)[1]) if received else 0
    return Answer(status, received.partition(b"\r\n\r\n")[0], body_of(received), sent)


def body_of(received: bytes) -> bytes:
    return received.partition(b"\r\n\r\n")[2]


_ATTEMPT = "/executor/v1/attempts/{attempt}/"
EXECUTOR = [
    ("POST", f"{_ATTEMPT}{name}", MIB) for name in ("claim", "heartbeat", "logs?offset=0", "result", "lock", "unlock")
] + [
    (method, f"{_ATTEMPT}{name}", 512 * MIB)
    for method, name in (
        ("POST", "state"),
        ("PUT", "plan-file"),
        ("PUT", "plan-lock-file"),
        ("PUT", "plan-json"),
        ("PUT", "state-json"),
    )
]
API = [
    ("POST", "/api/v1/organization", 4 * MIB),
    ("PATCH", "/api/v1/organization/{organization}/job/{job}", 4 * MIB),
    ("POST", "/api/v1/operations", 4 * MIB),
    ("POST", "/pat/v1", 4 * MIB),
    ("POST", "/logs", 32 * MIB),
    ("POST", "/context/v1/{job}", 32 * MIB),
]
OTHERS = [
    ("POST", "/executor/v1/warm-pods/{workspace}/wait", 0),
    ("POST", "/admin/login/", 0),
    ("POST", "/admin/workspaces/workspace/{workspace}/upload/", 0),
    ("PUT", "/x", 0),
]


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
@pytest.mark.parametrize("token", ["", "wrong", "w.r.ng"])
@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in EXECUTOR + API + OTHERS])
def test_a_strangers_body_is_not_read(site: Site, method: str, path: str, token: str, chunked: bool) -> None:
    answer = send(site, method, site.fill(path), MUCH, token=token, chunked=chunked)
    assert answer.status in {401, 429}, answer
    assert b"connection: close" in answer.head.lower()
    assert answer.sent < UNREAD
    assert kept_on_disk(site.site.pid) == 0


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
@pytest.mark.parametrize(("method", "path", "limit"), [door for door in EXECUTOR + API if door[2] < 8 * MIB])
def test_who_is_known_sends_no_more_than_the_address_takes(
    site: Site, method: str, path: str, limit: int, chunked: bool
) -> None:
    token = SESSION if path.startswith("/executor") else site.made["token"]
    if path.endswith("claim"):
        token = site.site.run(
            "from executors.models import Attempt; from executors.attempts.tokens import claim_token;"
            f"print(claim_token(Attempt.objects.get(pk='{site.made['attempt']}')))"
        ).strip()
    answer = send(site, method, site.fill(path), MUCH, token=token, chunked=chunked)
    assert answer.status == 413, answer
    assert f"larger than the {limit // MIB} MiB" in json.loads(answer.body)["errors"][0]["detail"]
    assert answer.sent < limit + UNREAD


def test_an_executor_sends_its_plan(site: Site) -> None:
    answer = send(site, "PUT", site.fill(f"{_ATTEMPT}plan-file"), MUCH, token=SESSION)
    assert (answer.status, answer.sent) == (200, MUCH)
    assert send(site, "PUT", site.fill(f"{_ATTEMPT}plan-json"), MUCH, token=SESSION, chunked=True).status == 200


def test_what_an_executor_left_off_is_on_disk_for_as_long_as_it_is_there(site: Site) -> None:
    address = urlsplit(site.site.url)
    await_that(lambda: kept_on_disk(site.site.pid) == 0, "bodies that were answered are gone", 30)
    with socket.create_connection((address.hostname, address.port), timeout=patient(30)) as client:
        head = f"PUT {site.fill(_ATTEMPT)}plan-file HTTP/1.1\r\nHost: {address.netloc}\r\n"
        client.sendall(f"{head}Authorization: Bearer {SESSION}\r\nContent-Length: {MUCH}\r\n\r\n".encode())
        client.sendall(bytes(MUCH // 2))
        await_that(lambda: kept_on_disk(site.site.pid) > MIB, "the half that came is kept", 30)
    await_that(lambda: kept_on_disk(site.site.pid) == 0, "it is gone with its sender", 30)


def test_who_asks_first_is_answered_without_sending(site: Site) -> None:
    answer = send(site, "PUT", site.fill(f"{_ATTEMPT}plan-file"), MUCH, token="wrong", expect=True)
    assert (answer.status, answer.sent) == (401, 0)
    assert b"100 Continue" not in answer.head + answer.body


def test_an_unknown_attempt_reads_as_a_wrong_token(site: Site) -> None:
    path = _ATTEMPT.format(attempt=uuid4())
    unknown = send(site, "PUT", f"{path}plan-file", MUCH, token=SESSION)
    wrong = send(site, "PUT", site.fill(f"{_ATTEMPT}plan-file"), MUCH, token="t" * 43)
    assert (unknown.status, unknown.body) == (wrong.status, wrong.body)


def test_many_strangers_at_once_leave_nothing_on_disk(site: Site) -> None:
    address = urlsplit(site.site.url)
    head = (
        f"PUT {site.fill(_ATTEMPT)}plan-file HTTP/1.1\r\nHost: {address.netloc}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    clients = [socket.create_connection((address.hostname, address.port), timeout=patient(30)) for _ in range(40)]
    try:
        for client in clients:
            client.sendall(head.encode() + b"%x\r\n%b\r\n" % (60 * 1024, bytes(60 * 1024)))
        assert kept_on_disk(site.site.pid) == 0
        for client in clients:
            client.sendall(b"%x\r\n%b\r\n" % (60 * 1024, bytes(60 * 1024)))
        assert {client.recv(12) for client in clients} == {b"HTTP/1.1 401"}
    finally:
        for client in clients:
            client.close()


def test_an_upload_needs_the_address_that_was_made_for_it(site: Site) -> None:
    query = urlsplit(site.made["upload"]).query
    stranger = send(site, "PUT", site.fill("{upload}?token=wrong"), MUCH)
    assert stranger.status == 403
    assert stranger.sent < UNREAD
    assert send(site, "PUT", site.fill("{upload}?") + query, 65 * MIB).status == 413
    # It is let in, and is no archive.
    answer = send(site, "PUT", site.fill("{upload}?") + query, MUCH)
    assert (answer.status, answer.sent) == (400, MUCH)
