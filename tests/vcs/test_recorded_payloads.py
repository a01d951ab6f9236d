"""GitHub's recorded deliveries, read as events: the examples of ``@octokit/webhooks-examples``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vcs.providers.base import Event, Ignored
from vcs.providers.github.payloads import read_events

RECORDED = json.loads((Path(__file__).parent / "recorded_payloads" / "github.json").read_text())
COMMIT, HEAD = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "ec26c3e57ca3a959ca5aad62de7213c562f8c821"
REPOSITORY = ("https://github.com/codertocat/hello-world",)
ADA = {"sender": "Codertocat", "sender_id": "21031067", "repository_urls": REPOSITORY}
PULL: dict[str, Any] = {
    **ADA,
    "kind": "pull_request",
    "pull_request": 2,
    "branch": "changes",
    "target_branch": "master",
    "commit": HEAD,
    "message": "Update the README with new information.",
    "fork": False,
    "merged": False,
    "files": None,
}
# What an event must say; a text is a part of why it starts nothing.
WANTED: dict[str, dict[str, Any] | str] = {
    "push to a branch": {**ADA, "kind": "push", "branch": "master", "commit": COMMIT},
    "push of a tag": {**ADA, "kind": "tag", "branch": "simple-tag", "commit": COMMIT, "files": None},
    "deleted tag": "refs/tags/simple-tag was deleted",
    "opened": {**PULL, "action": "opened"},
    "synchronize": {**PULL, "action": "synchronize"},
    "reopened": {**PULL, "action": "reopened"},
    "closed": {**PULL, "action": "closed"},
    "ready for review": {**PULL, "action": "opened"},
    "labeled": 'pull request event "labeled" starts no jobs',
    "comment on an issue": "Only new comments on pull requests",
    "edited comment": "Only new comments on pull requests",
    "published": {**ADA, "kind": "release", "branch": "0.0.1", "action": "published"},
    "created release": 'release event "created" starts no jobs',
    "new tag": "type create",
    "ping": {"kind": "ping"},
    "app uninstalled": "type installation",
    "app suspended": "type installation",
    "renamed": "type repository",
}


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row["name"])
def test_a_recorded_delivery_is_read(row: dict[str, Any]) -> None:
    [found] = read_events({"x-github-event": row["event"]}, json.dumps(row["payload"]).encode())
    wanted = WANTED[row["name"]]
    if isinstance(wanted, str):
        assert isinstance(found, Ignored)
        assert wanted in found.why
    else:
        assert isinstance(found, Event)
        assert {name: getattr(found, name) for name in wanted} == wanted


def test_every_wish_has_a_recording() -> None:
    assert [row["name"] for row in RECORDED] == list(WANTED)
