"""The report over a Terrakube, read from answers as its REST API gives them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.agent.git_server import Repository
from tests.support.loopback import LoopbackServer, QuietHandler
from workspaces.models import Organization

pytestmark = pytest.mark.django_db
TOKEN = "t0ken-of-terrakube"
RECORDED: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parent / "terrakube.json").read_text())


class RecordedTerrakube(LoopbackServer):
    """Answers with the recorded collections; one without a recording is forbidden, as to a token without the right."""

    def __init__(self, repository: str) -> None:
        class Handler(QuietHandler):
            def do_GET(self) -> None:
                rows = RECORDED.get(self.path.removeprefix("/api/v1/"))
                status = 200 if rows is not None else 403
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    status = 401
                kind = self.path.rpartition("/")[2]
                document = {"data": [{"type": kind, **row} for row in rows or ()]}
                content = json.dumps(document).replace("REPOSITORY", repository).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.api+json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        super().__init__(Handler)


@pytest.fixture
def terrakube(repositories: tuple[str, Repository], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TERRAKUBE_TOKEN", TOKEN)
    server = RecordedTerrakube(repositories[0])
    yield server.url
    server.stop()


def test_each_organization_and_workspace_has_its_findings(terrakube: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("preflight", "--terrakube", terrakube, "--json")
    reports = json.loads(capsys.readouterr().out)["reports"]
    found = {
        (one["organization"], one["workspace"]): sorted((line["code"], line["place"]) for line in one["findings"])
        for one in reports
    }
    assert found == {
        ("simple", None): [
            ("flow-refused", "Plan and apply"),
            ("not-here", ""),
            ("not-readable", ""),
            ("value-untold", "SHARED_TOKEN"),
        ],
        ("simple", "clean"): [],
        ("simple", "my app"): [
            ("agent-ignored", "agent"),
            ("dynamic-credentials", "ENABLE_DYNAMIC_CREDENTIALS_AWS"),
            ("input-refused", "name"),
            ("input-refused", "terraform_version"),
            ("missing-variable", "registry/main.tf:4"),
            ("moves-state", "TF_WORKSPACE"),
            ("registry-module", "registry/main.tf:1"),
            ("undeclared-variable", "password"),
            ("value-untold", "password"),
        ],
        ("simple", "private"): [("credentials-untold", "source")],
    }
    assert not Organization.objects.exists()


def test_the_report_is_a_text_without_the_token(terrakube: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("preflight", "--terrakube", terrakube)
    text = capsys.readouterr().out
    assert "simple/clean: clean.\n" in text
    assert "WARNING  This site does not support modules; Terrakube has 2." in text
    assert TOKEN not in text


def test_a_terrakube_that_cannot_be_read_is_told(terrakube: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRAKUBE_TOKEN", "wrong")
    with pytest.raises(CommandError, match="Terrakube cannot be read: it answers with 401"):
        call_command("preflight", "--terrakube", terrakube)
    monkeypatch.delenv("TERRAKUBE_TOKEN")
    with pytest.raises(CommandError, match="environment variable TERRAKUBE_TOKEN"):
        call_command("preflight", "--terrakube", terrakube)
    with pytest.raises(CommandError, match="Give a workspace, or --terrakube"):
        call_command("preflight")
