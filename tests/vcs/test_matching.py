"""Which event of a webhook matches what happened in the repository: branch and path as a table, and why none did."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vcs.payloads import SHA
from vcs.choices import EventKind
from vcs.deliveries.folders import local_modules
from vcs.deliveries.matching import Place, Rule, match
from vcs.providers.base import Event

PLACE = Place(branch="main", folders=("envs/prod", "modules/net"))
PUSH: dict[str, Any] = {
    "kind": EventKind.PUSH,
    "branch": "main",
    "commit": SHA,
    "files": frozenset({"envs/prod/main.tf"}),
}
REQUEST: dict[str, Any] = {
    "kind": EventKind.PULL_REQUEST, "branch": "raise", "target_branch": "main", "pull_request": 1, "commit": SHA,
    "files": frozenset({"envs/prod/main.tf"}), "fork": False,
}  # fmt: skip
TAG: dict[str, Any] = {"kind": EventKind.TAG, "branch": "v1", "commit": SHA}

# The event, the rule, and what is said: empty for a match.
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "push to the workspace's branch": (PUSH, {}, ""),
    "push to another branch": (PUSH | {"branch": "dev"}, {}, "The branch dev does not match main."),
    "push to a named branch": (PUSH | {"branch": "dev"}, {"branch": "dev|test"}, ""),
    "push beside a named branch": (PUSH, {"branch": "dev,test"}, "The branch main does not match dev,test."),
    "only a part of the name": (
        PUSH | {"branch": "main2"}, {"branch": "main"}, "The branch main2 does not match main."),
    "branch by glob": (PUSH | {"branch": "release/1"}, {"branch": "release/*", "branch_type": "PATTERN"}, ""),
    "module that is used": (PUSH | {"files": frozenset({"modules/net/a.tf"})}, {}, ""),
    "folder with the same beginning": (
        PUSH | {"files": frozenset({"envs/production/a.tf"})}, {}, "No file below envs/prod, modules/net changed."),
    "file at the top": (
        PUSH | {"files": frozenset({"README.md"})}, {}, "No file below envs/prod, modules/net changed."),
    "path by expression": (PUSH, {"path": "envs/.*\\.tf"}, ""),
    "other path by expression": (PUSH, {"path": "docs/.*,.*\\.md"}, "No changed file matches docs/.*,.*\\.md."),
    "path by glob": (PUSH, {"path": "envs/**", "path_type": "PATTERN"}, ""),
    "no file": (PUSH | {"files": frozenset()}, {}, "No file below envs/prod, modules/net changed."),
    "unknown files": (PUSH | {"files": None}, {"path": "docs/.*"}, ""),
    "pull request into the workspace's branch": (REQUEST, {"type": "PULL_REQUEST"}, ""),
    "pull request into another branch": (
        REQUEST | {"target_branch": "dev"}, {"type": "PULL_REQUEST"},
        "The pull request targets dev, but the workspace follows main."),
    "pull request by its source branch": (REQUEST, {"type": "PULL_REQUEST", "branch": "raise"}, ""),
    "pull request, its target is not asked": (
        REQUEST | {"target_branch": "dev"}, {"type": "PULL_REQUEST", "branch": "raise"}, ""),
    "pull request beside pushes": (REQUEST, {}, "The webhook has no event for pull requests."),
    "any tag": (TAG, {"type": "TAG"}, ""),
    "tag by name": (TAG, {"type": "TAG", "branch": "v\\d+", "path": "nothing"}, ""),
    "other tag": (TAG, {"type": "TAG", "branch": "w.*"}, "The tag v1 does not match w.*."),
    "tag beside releases": (TAG, {"type": "RELEASE"}, "The webhook has no event for tags."),
    "release": (TAG | {"kind": EventKind.RELEASE}, {"type": "RELEASE", "branch": "v.*"}, ""),
}  # fmt: skip


@pytest.mark.parametrize(("event", "rule", "said"), ROWS.values(), ids=ROWS)
def test_an_event_matches_as_the_table_says(event: dict[str, Any], rule: dict[str, Any], said: str) -> None:
    found = match(Event(**event), [Rule(**{"key": 1, "type": "PUSH", **rule})], PLACE)
    assert (str(found.why), found.rule is None) == (said, bool(said))


def test_a_tag_is_a_release_where_a_provider_has_none() -> None:
    rule = Rule(key=1, type="RELEASE")
    assert match(Event(**TAG), [rule], PLACE, tags_are_releases=True).rule == rule


def test_the_first_rule_with_branch_and_path_wins() -> None:
    rules = [
        Rule(key=1, type="PUSH", branch="dev"),
        Rule(key=2, type="PUSH", branch="main", path="docs/.*"),
        Rule(key=3, type="PUSH", branch="main", path="envs/.*"),
        Rule(key=4, type="PUSH", branch="main", path=".*"),
    ]
    found = match(Event(**PUSH), rules, PLACE).rule
    assert found is not None
    assert found.key == 3


def test_a_workspace_at_the_top_follows_every_file() -> None:
    event = Event(**(PUSH | {"files": frozenset({"README.md"})}))
    assert match(event, [Rule(key=1, type="PUSH")], Place(branch="main", folders=("",))).rule is not None


def test_local_modules_are_found_in_a_plan() -> None:
    def call(source: str, **calls: Any) -> dict[str, Any]:
        return {"source": source, "module": {"module_calls": calls}}

    calls = {
        "net": call("../../modules/net", inner=call("../base")),
        "own": call("./own"),
        "registry": call("terraform-aws-modules/vpc/aws", local=call("./below")),
        "outside": call("../../../other"),
        "broken": {"source": 1},
    }
    plan = {"configuration": {"root_module": {"module_calls": calls}}}
    assert local_modules(plan, "/envs/prod") == ["modules/net", "modules/base", "envs/prod/own"]
    odd: object
    for odd in (None, [], {}, {"configuration": {"root_module": []}}):
        assert local_modules(odd, "/") == []
