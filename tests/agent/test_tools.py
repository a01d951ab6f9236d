"""Where terraform and tofu come from."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from executors.agent.tools.releases import read_index
from tests.agent.api_server import ApiServer
from tests.agent.harness import Agent
from tests.support.loopback import LoopbackServer, QuietHandler

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

PLAN = {"main.tf": 'output "a" { value = 1 }\n'}


def fake(name: str, version: str) -> str:
    """A tool that only says who it is."""
    answer = f'{{"terraform_version":"{version}"}}'
    return f'#!/bin/sh\n[ "$1" = version ] && echo \'{answer}\'\necho "{name} {version} $1"\n[ "$1" != plan ]\n'


def put(directory: Path, name: str, version: str) -> None:
    path = directory / name / version / name
    path.parent.mkdir(parents=True)
    path.write_text(fake(name, version))
    path.chmod(0o755)


class Releases(LoopbackServer):
    """An index and downloads of both shapes; `spoil` changes what is served."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        releases = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                releases.asked.append(self.path)
                content = releases.files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

        super().__init__(Handler)
        self.publish()

    def publish(self) -> None:
        index: dict[str, Any] = {"name": "terraform", "versions": {}}
        assets: list[dict[str, Any]] = []
        for name, versions in (("terraform", ["1.4.0", "1.4.9", "1.5.0-beta1"]), ("tofu", ["1.8.0", "1.8.3"])):
            for version in versions:
                out = io.BytesIO()
                with zipfile.ZipFile(out, "w") as archive:
                    archive.writestr("LICENSE.txt", "free")
                    archive.writestr(name, fake(name, version))
                base, file = f"/{name}/{version}", f"{name}_{version}_linux_amd64.zip"
                sums = f"{name}_{version}_SHA256SUMS"
                self.files[f"{base}/{file}"] = out.getvalue()
                self.files[f"{base}/{sums}"] = (
                    f"{'0' * 64}  other.zip\n{hashlib.sha256(out.getvalue()).hexdigest()}  {file}\n".encode()
                )
                if name == "terraform":
                    build = {
                        "name": name,
                        "version": version,
                        "os": "linux",
                        "arch": "amd64",
                        "filename": file,
                        "url": f"{self.url}{base}/{file}",
                    }
                    mac = {**build, "os": "darwin", "url": "http://nowhere/"}
                    index["versions"][version] = {
                        "name": name,
                        "version": version,
                        "shasums": sums,
                        "builds": [mac, build],
                    }
                else:
                    named = [
                        {"name": name_, "browser_download_url": f"{self.url}{base}/{name_}"} for name_ in (file, sums)
                    ]
                    assets.append({"name": f"v{version}", "assets": named, "draft": False})
        self.files["/terraform/index.json"] = json.dumps(index).encode()
        self.files["/tofu/index.json"] = json.dumps(assets).encode()


@pytest.fixture
def releases() -> Iterator[Releases]:
    server = Releases()
    yield server
    server.stop()


def planning(serve: Serve, version: str, releases: Releases | None = None, **fields: Any) -> ApiServer:
    urls = {name: f"{releases.url}/{name}/index.json" for name in ("terraform", "tofu")} if releases else {}
    return serve(PLAN, terraformVersion=version, claim={"releases": urls}, **fields)


def test_the_tools_directory_comes_before_the_path(serve: Serve, start: Start, tmp_path: Path) -> None:
    put(tmp_path / "tools", "terraform", "1.11.4")
    put(tmp_path / "tools", "terraform", "1.9.0")
    exact, ranged = planning(serve, "1.11.4"), planning(serve, "~1.9")
    for api in (exact, ranged):
        start(api, TERRAKUBE_TOOLS_DIR=str(tmp_path / "tools")).wait()
    assert "terraform 1.11.4, from the tools directory" in exact.log
    assert "terraform 1.11.4 init" in exact.log
    assert "terraform 1.9.0 init" in ranged.log


def test_the_version_of_the_one_on_the_path_is_asked_once(serve: Serve, start: Start, tmp_path: Path) -> None:
    home = tmp_path / "cache"
    for _ in range(2):
        api = planning(serve, "~1.11")
        agent = start(api, XDG_CACHE_HOME=str(home))
        assert agent.wait() == 0
        assert "Tool: terraform 1.11.4, from PATH" in api.log
    known = json.loads((home / "terrakube/tools/versions.json").read_text())
    assert list(known.values()) == ["1.11.4"]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the made-up releases are for amd64")
@pytest.mark.parametrize(
    ("tofu", "version", "taken"),
    [
        (False, "~1.4", "1.4.9"),
        (False, "1.4.0", "1.4.0"),
        (True, "1.8.x", "1.8.3"),
        (False, "1.5.0-beta1", "1.5.0-beta1"),
    ],
)
def test_what_is_not_there_is_downloaded_checked_and_kept(
    serve: Serve, start: Start, tmp_path: Path, releases: Releases, tofu: bool, version: str, taken: str
) -> None:
    name = "tofu" if tofu else "terraform"
    first = planning(serve, version, releases, tofu=tofu)
    start(first, TERRAKUBE_TOOLS_DIR=str(tmp_path / "tools")).wait()
    assert f"Downloading {name} {taken}" in first.log
    assert f"{name} {taken} init" in first.log
    assert sorted(path.name for path in (tmp_path / "tools" / name).iterdir()) == [taken]
    assert [path.name for path in (tmp_path / "tools" / name / taken).iterdir()] == [name]
    releases.asked.clear()
    second = planning(serve, version, releases, tofu=tofu)
    start(second, TERRAKUBE_TOOLS_DIR=str(tmp_path / "tools")).wait()
    assert f"{name} {taken} init" in second.log
    assert releases.asked == []


def test_the_containers_own_index_comes_first(serve: Serve, start: Start, tmp_path: Path, releases: Releases) -> None:
    api = planning(serve, "1.4.0")
    start(
        api, TERRAKUBE_TOOLS_DIR=str(tmp_path / "t"), CustomTerraformReleasesUrl=f"{releases.url}/terraform/index.json"
    ).wait()
    assert "terraform 1.4.0 init" in api.log


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda r: r.files.update({"/terraform/1.4.0/terraform_1.4.0_linux_amd64.zip": b"other"}), "its SHA-256 is"),
        (lambda r: r.files.pop("/terraform/1.4.0/terraform_1.4.0_SHA256SUMS"), "HTTP status 404"),
        (lambda r: r.files.update({"/terraform/1.4.0/terraform_1.4.0_SHA256SUMS": b""}), "does not name"),
        (lambda r: r.files.update({"/terraform/index.json": b"<html>"}), "index of releases cannot be read"),
        (lambda r: r.files.update({"/terraform/index.json": b'{"versions": {}}'}), "has no such version"),
    ],
)
def test_what_cannot_be_trusted_is_not_run(
    serve: Serve, start: Start, tmp_path: Path, releases: Releases, spoil: Callable[[Releases], Any], sentence: str
) -> None:
    spoil(releases)
    api = planning(serve, "1.4.0", releases)
    assert start(api, TERRAKUBE_TOOLS_DIR=str(tmp_path / "tools")).wait() == 10
    assert api.attempt.result is not None
    assert api.attempt.result["reason"] == "tool-missing"
    assert sentence in api.attempt.result["message"]
    assert not list((tmp_path / "tools").rglob("terraform/*"))


def test_a_version_that_nobody_has_is_said_with_what_there_is(
    serve: Serve, start: Start, tmp_path: Path, releases: Releases
) -> None:
    put(tmp_path / "tools", "terraform", "1.9.0")
    api = planning(serve, "~3.1", releases)
    assert start(api, TERRAKUBE_TOOLS_DIR=str(tmp_path / "tools")).wait() == 10
    assert api.attempt.result is not None
    assert api.attempt.result["message"] == (
        "terraform '~3.1' is wanted; this image has 1.9.0, 1.11.4, and the index of releases has no such version"
        " (whose newest is 1.5.0-beta1)."
    )


def test_a_version_that_is_none_is_said(serve: Serve, start: Start) -> None:
    api = planning(serve, "newest one")
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    assert "'newest one' is no version" in api.attempt.result["message"]


def test_a_directory_that_cannot_be_written_is_passed_over(
    serve: Serve, start: Start, tmp_path: Path, releases: Releases
) -> None:
    (tmp_path / "tools").write_text("a file")
    api = planning(serve, "1.4.0", releases)
    agent = start(api, TERRAKUBE_TOOLS_DIR=str(tmp_path / "tools"))
    agent.wait()
    assert "terraform 1.4.0 init" in api.log
    assert (agent.home / ".cache/terrakube/tools/terraform/1.4.0/terraform").is_file()


def test_entries_of_an_index_that_make_no_sense_are_passed_over() -> None:
    assert read_index("terraform", {"versions": {"x": {}, "1.0.0": {"builds": [{"os": "linux"}]}}}, "http://x/") == {}
    assert read_index("tofu", [{"name": "nightly"}, {"name": "v1.0.0", "assets": []}], "http://x/") == {}


def test_real_terraform_and_tofu_are_there_for_these_tests() -> None:
    assert shutil.which("terraform")
    assert shutil.which("tofu")
