"""Requests to other hosts go only where they may, and to the very address that was checked."""

from __future__ import annotations

import ast
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from terrakube_site import env
from terrakube_site.outgoing import NoAnswer, Refused, addresses, allowed_from, ask, check_host, git
from terrakube_site.settings import BASE_DIR
from tests.support.loopback import LoopbackServer, QuietHandler

LOOPBACK = ["127.0.0.0/8", "::1/128"]


class Host(LoopbackServer):
    """A host on the loopback that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"hello")
        self.pause = 0.0
        self.silent = 0
        host = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                host.asked.append((self.headers["Host"], self.path, self.headers.get("Authorization")))
                if host.silent:
                    host.silent -= 1
                    return
                status, headers, body = host.answer
                if self.path == "/end":
                    status, headers, body = 200, {}, b"the end"
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):
                    for at in range(len(body)):
                        time.sleep(host.pause)
                        self.wfile.write(body[at : at + 1])

            do_POST = do_GET

        super().__init__(Handler)


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.stop()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names and the addresses that they are found at, one list after the other where it holds several answers."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(name: Any, port: Any, *args: Any, **more: Any) -> Any:
        if name in known:
            answers = known[name]
            text = answers.pop(0) if len(answers) > 1 else answers[0]
            return [row for one in text.split() for row in real(one, port, *args, **more)]
        return real(name, port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


PRIVATE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0.0.0.0",  # noqa: S104
    "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "169.254.169.254", "169.254.1.1", "168.63.129.16", "192.0.0.192", "224.0.0.1", "::1", "::", "fe80::1", "fd00::1",
    "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
]  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_private_link_local_and_metadata_addresses_are_refused_however_they_are_written(host: str) -> None:
    with pytest.raises(Refused, match="no public address"):
        check_host(host, 80, scheme="http")


@pytest.mark.parametrize("host", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_reached(host: str) -> None:
    assert check_host(host, 443, scheme="https")


@pytest.mark.parametrize("answer", ["10.0.0.1", "169.254.169.254", "8.8.8.8 10.0.0.1"])
def test_a_name_is_refused_for_any_of_its_addresses(answer: str, names: dict[str, list[str]]) -> None:
    names["evil.example"] = [answer]
    with pytest.raises(Refused, match=r"evil\.example is no public address"):
        check_host("evil.example", 80, scheme="http")


def test_the_setting_allows_networks_and_names(settings: Settings, names: dict[str, list[str]]) -> None:
    names |= {"git.corp.example": ["10.0.0.1"], "corp.example": ["10.0.0.1"], "nas.lan": ["192.168.1.9"]}
    settings.OUTGOING_ALLOWED = allowed_from(["192.168.1.0/24", ".corp.example"])
    assert check_host("nas.lan", 80, scheme="http") == ["192.168.1.9"]
    assert check_host("GIT.corp.example.", 80, scheme="http") == ["10.0.0.1"]
    with pytest.raises(Refused):
        check_host("corp.example", 80, scheme="http")


def test_a_host_of_a_setting_may_be_private_but_never_a_clouds_metadata(names: dict[str, list[str]]) -> None:
    names |= {"dex.internal": ["10.0.0.1"], "dex.local": ["169.254.169.254"]}
    assert check_host("dex.internal", 80, scheme="http", trusted={"dex.internal"}) == ["10.0.0.1"]
    with pytest.raises(Refused):
        check_host("dex.local", 80, scheme="http", trusted={"dex.local"})


@pytest.mark.parametrize("item", ["10.0.0.0/99", "10.0.0.256", "*.example.org", "a b", "-x"])
def test_a_setting_that_is_neither_host_nor_network_is_named(item: str) -> None:
    with pytest.raises(env.SettingError, match="TERRAKUBE_OUTGOING_ALLOWED is"):
        addresses.read_allowed({"TERRAKUBE_OUTGOING_ALLOWED": f"git.example.org,{item}"})


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "gopher://example.org/", "ftp://example.org/", "http:///x", "http://a:b@example.org/", "x",
     "http://example.org:99999/", "http://example.org/a b", "http://example.org/\r\nHost: x"],
)  # fmt: skip
def test_only_plain_http_addresses_are_asked(address: str) -> None:
    with pytest.raises(Refused):
        ask(address)


def test_a_name_that_answers_differently_the_second_time_is_still_reached_where_it_was_checked(
    host: Host, names: dict[str, list[str]], settings: Settings
) -> None:
    settings.OUTGOING_ALLOWED = allowed_from(["127.0.0.1/32"])
    # What would be connected to after a second look-up answers nothing: a test of the loopback's other addresses.
    names["rebind.example"] = ["127.0.0.1", "127.0.0.77"]
    assert ask(f"http://rebind.example:{host.port}/x").content == b"hello"
    assert host.asked == [(f"rebind.example:{host.port}", "/x", None)]
    names["rebind.example"] = ["127.0.0.77"]
    with pytest.raises(Refused):
        ask(f"http://rebind.example:{host.port}/x")


def test_a_redirect_is_checked_like_the_first_address(host: Host, settings: Settings) -> None:
    settings.OUTGOING_ALLOWED = allowed_from(["127.0.0.1/32"])
    for target in ("http://169.254.169.254/latest/", f"http://127.0.0.2:{host.port}/", "file:///etc/passwd"):
        host.answer = (302, {"Location": target}, b"")
        with pytest.raises(Refused):
            ask(host.url)
    host.answer = (302, {"Location": "/end"}, b"")
    assert ask(host.url).content == b"the end"
    host.answer = (302, {"Location": "/again"}, b"")
    with pytest.raises(NoAnswer, match="redirects more than 3 times"):
        ask(host.url)


def test_a_login_is_not_sent_to_where_a_host_redirects(host: Host, settings: Settings) -> None:
    settings.OUTGOING_ALLOWED = allowed_from(LOOPBACK)
    other = Host()
    try:
        host.answer = (302, {"Location": f"{other.url}/end"}, b"")
        ask(f"{host.url}/first", headers={"Authorization": "Bearer secret"})
        assert (host.asked[0][2], other.asked[0][2]) == ("Bearer secret", None)
    finally:
        other.stop()


def test_large_and_slow_answers_are_given_up(host: Host, settings: Settings) -> None:
    settings.OUTGOING_ALLOWED = allowed_from(LOOPBACK)
    host.answer = (200, {}, b"x" * 2000)
    with pytest.raises(NoAnswer, match="larger than 1000 bytes"):
        ask(host.url, largest=1000)
    # It would all come in the end, after 100 s.
    host.pause = 0.05
    with pytest.raises(NoAnswer):
        ask(host.url, timeout=0.4)


@pytest.mark.parametrize(("method", "silent", "asked"), [("GET", 1, 2), ("GET", 2, 2), ("POST", 1, 1)])
def test_a_connection_that_ends_without_a_word_is_tried_once_more_for_a_get(
    host: Host, settings: Settings, method: str, silent: int, asked: int
) -> None:
    """What a POST did before its connection ended nobody knows."""
    settings.OUTGOING_ALLOWED = allowed_from(LOOPBACK)
    host.silent = silent
    if (method, silent) == ("GET", 1):
        assert ask(host.url).content == b"hello"
    else:
        with pytest.raises(NoAnswer, match=r"127\.0\.0\.1 does not answer"):
            ask(host.url, method=method)
    assert len(host.asked) == asked


def test_a_host_that_is_not_there_is_said_to_be(settings: Settings) -> None:
    settings.OUTGOING_ALLOWED = allowed_from(LOOPBACK)
    with pytest.raises(NoAnswer, match="is not known"):
        ask("http://no-such-host.invalid/")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(NoAnswer, match="does not answer"):
            ask(f"http://127.0.0.1:{probe.getsockname()[1]}/")


def test_a_proxy_of_the_environment_is_used_and_still_reaches_no_private_address(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", host.url)
    # Unknown to this machine, known to the proxy.
    assert ask("http://somewhere.example/x").content == b"hello"
    assert host.asked[-1][:2] == ("somewhere.example:80", "http://somewhere.example:80/x")
    for address in ("http://10.0.0.1/", "http://127.1/", "http://localhost/", "http://metadata.google.internal/"):
        with pytest.raises(Refused):
            ask(address)


def test_git_reaches_the_checked_address_and_no_other_protocol(
    host: Host, settings: Settings, names: dict[str, list[str]], tmp_path: Path
) -> None:
    settings.OUTGOING_ALLOWED = allowed_from(["127.0.0.1/32"])
    names["git.example"] = ["127.0.0.1"]
    address = f"http://git.example:{host.port}/library"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **git.pinned(address)}
    # git itself does not know the name: it goes where it was told.
    subprocess.run(["git", "ls-remote", address], env=environment, capture_output=True)
    assert host.asked[0][:2] == (f"git.example:{host.port}", "/library/info/refs?service=git-upload-pack")
    refused = subprocess.run(["git", "ls-remote", "file:///"], env=environment, capture_output=True, text=True)
    assert "transport 'file' not allowed" in refused.stderr


@pytest.mark.parametrize("address", ["git@127.0.0.1:x/y.git", "ssh://git@10.0.0.1/x", "https://[::1]/x"])
def test_git_is_not_led_to_a_private_address(address: str) -> None:
    with pytest.raises(Refused):
        git.pinned(address)


def test_ssh_connects_to_the_checked_address(names: dict[str, list[str]]) -> None:
    names["git.example"] = ["8.8.8.8"]
    environment = git.with_checked_host(git.pinned("git@git.example:x/y.git") | {"GIT_SSH_COMMAND": "ssh -i key"})
    assert environment["GIT_SSH_COMMAND"] == "ssh -i key -o HostName=8.8.8.8"


# What may open connections of its own, and where it goes: addresses of settings or of the operator's command line.
OWN_CONNECTIONS = (
    "terrakube_site/outgoing/",
    "executors/agent/",
    "executors/cluster/",
    "executors/management/",
    # The site asks itself, at the address that a setting gives to executors.
    "executors/doctor/probe.py",
    "executors/watching/site_probe.py",
)


def test_nothing_else_of_the_site_opens_connections() -> None:
    clients = {"urllib.request", "http.client", "urllib3", "requests", "httpx", "aiohttp", "smtplib", "ftplib"}
    found = []
    for package in ("terrakube_site", "workspaces", "vcs", "executors", "tfe"):
        for file in sorted((BASE_DIR / package).rglob("*.py")):
            name = str(file.relative_to(BASE_DIR))
            if name.startswith(OWN_CONNECTIONS):
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                found += [f"{name}: {one}" for one in names if one in clients or one.partition(".")[0] in clients]
    assert found == []
