"""What each provider delivers, as events: a table, and what no delivery may do to the reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vcs import payloads as sent
from tests.vcs.payloads import OLD, SHA, ZEROS, Delivery
from vcs.providers import PROVIDERS
from vcs.providers.base import Event, Ignored, Payloads

# What an event must say; ``ignored`` is a part of the sentence.
ROWS: list[tuple[str, str, Delivery, dict[str, Any]]] = [
    ("push", "GITHUB", sent.hub_push("envs/prod/main.tf"), {
        "kind": "push", "branch": "main", "commit": SHA, "before": OLD, "sender": "ada", "sender_id": "7",
        "files": {"envs/prod/main.tf"}, "repository_urls": ("https://github.com/acme/infra",)}),
    ("push of a new branch", "GITHUB", sent.hub_push(commits=[]), {"kind": "push", "files": None}),
    ("forced push", "GITHUB", sent.hub_push("a", forced=True), {"kind": "push", "files": None}),
    ("branch with slashes", "GITHUB", sent.hub_push("a", ref="refs/heads/release/1"), {"branch": "release/1"}),
    ("deleted branch", "GITHUB", sent.hub_push(deleted=True, after=ZEROS, head_commit=None), {
        "ignored": "was deleted"}),
    ("zeros", "GITHUB", sent.hub_push(after=ZEROS, head_commit=None), {"ignored": "was deleted"}),
    ("tag", "GITHUB", sent.hub_push(ref="refs/tags/v1"), {"kind": "tag", "branch": "v1", "commit": SHA, "files": None}),
    ("note", "GITHUB", sent.hub_push(ref="refs/notes/x"), {"ignored": "neither a branch nor a tag"}),
    ("ping", "GITHUB", sent.hub("ping", zen="x"), {"kind": "ping"}),
    ("star", "GITHUB", sent.hub("star", action="created"), {"ignored": "star"}),
    ("opened", "GITHUB", sent.hub_pull_request(), {
        "kind": "pull_request", "action": "opened", "branch": "raise", "target_branch": "main", "commit": SHA,
        "pull_request": 12, "fork": False, "merged": False, "files": None}),
    ("synchronize", "GITHUB", sent.hub_pull_request("synchronize"), {"action": "synchronize"}),
    ("reopened", "GITHUB", sent.hub_pull_request("reopened"), {"action": "reopened"}),
    ("closed", "GITHUB", sent.hub_pull_request("closed"), {"action": "closed", "merged": False}),
    ("merged", "GITHUB", sent.hub_pull_request("closed", merged=True), {"action": "closed", "merged": True}),
    ("labeled", "GITHUB", sent.hub_pull_request("labeled"), {"ignored": "labeled"}),
    ("of a fork", "GITHUB", sent.hub_pull_request(head="eve/infra"), {"fork": True}),
    ("of a deleted fork", "GITHUB", sent.hub_pull_request(head=None), {"fork": True}),
    ("comment", "GITHUB", sent.hub_comment(), {
        "kind": "comment", "pull_request": 12, "comment": "terrakube plan", "comment_id": "99", "fork": True}),
    ("edited comment", "GITHUB", sent.hub_comment("edited"), {"ignored": "Only new comments"}),
    ("comment on an issue", "GITHUB", sent.hub_comment(issue={"number": 1}), {"ignored": "Only new comments"}),
    ("release", "GITHUB", sent.hub("release", action="published", release={"tag_name": "v1"}), {
        "kind": "release", "branch": "v1", "commit": ""}),
    ("draft of a release", "GITHUB", sent.hub("release", action="created", release={"tag_name": "v1"}), {
        "ignored": "created"}),
    ("push", "GITEA", sent.tea_push("a.tf"), {"kind": "push", "branch": "main", "commit": SHA, "files": {"a.tf"}}),
    ("push of many commits", "GITEA", sent.tea_push("a.tf", total_commits=9), {"kind": "push", "files": None}),
    ("deleted branch", "GITEA", sent.tea_push(commit=ZEROS), {"ignored": "was deleted"}),
    ("tag", "GITEA", sent.tea("create", ref="v1", ref_type="tag", sha=SHA), {
        "kind": "tag", "branch": "v1", "commit": SHA}),
    ("new branch", "GITEA", sent.tea("create", ref="b", ref_type="branch", sha=SHA), {"ignored": "starts no jobs"}),
    ("opened", "GITEA", sent.tea_pull_request(), {"kind": "pull_request", "pull_request": 12, "fork": False}),
    ("synchronized", "GITEA", sent.tea_pull_request("synchronized"), {"action": "synchronize"}),
    ("of a fork", "GITEA", sent.tea_pull_request(head=2), {"fork": True}),
    ("of a deleted fork", "GITEA", sent.tea_pull_request(head=None), {"fork": True}),
    ("comment", "GITEA", sent.tea("issue_comment", action="created", is_pull=True, issue={"number": 12},
                                  comment={"id": 99, "body": "terrakube plan"}), {
        "kind": "comment", "comment_id": "99"}),
    ("comment on an issue", "GITEA", sent.tea("issue_comment", action="created", is_pull=False, issue={"number": 1}), {
        "ignored": "Only new comments"}),
    ("release", "GITEA", sent.tea("release", action="published", release={"tag_name": "v1"}), {"kind": "release"}),
    ("push", "GITLAB", sent.lab_push("a.tf"), {
        "kind": "push", "branch": "main", "commit": SHA, "sender": "ada", "files": {"a.tf"},
        "repository_urls": ("https://gitlab.com/acme/sub/infra",)}),
    ("push of many commits", "GITLAB", sent.lab_push("a.tf", total_commits_count=21), {"files": None}),
    ("deleted branch", "GITLAB", sent.lab_push(checkout_sha=None, after=ZEROS), {"ignored": "was deleted"}),
    ("tag", "GITLAB", sent.lab_push(kind="tag_push", ref="refs/tags/v1"), {"kind": "tag", "branch": "v1"}),
    ("opened", "GITLAB", sent.lab_request("open"), {
        "kind": "pull_request", "action": "opened", "branch": "raise", "target_branch": "main", "fork": False}),
    ("new commits", "GITLAB", sent.lab_request("update", oldrev=OLD), {"action": "synchronize"}),
    ("new labels", "GITLAB", sent.lab_request("update"), {"ignored": "update"}),
    ("merged", "GITLAB", sent.lab_request("merge"), {"action": "closed", "merged": True}),
    ("closed", "GITLAB", sent.lab_request("close"), {"action": "closed", "merged": False}),
    ("of a fork", "GITLAB", sent.lab_request("open", source=2), {"fork": True}),
    ("comment", "GITLAB", sent.lab_note(), {
        "kind": "comment", "comment": "terrakube plan", "commit": SHA, "fork": False}),
    ("system's note", "GITLAB", sent.lab_note(system=True), {"ignored": "Only new comments"}),
    ("edited comment", "GITLAB", sent.lab_note(action="update"), {"ignored": "Only new comments"}),
    ("note on a commit", "GITLAB", sent.lab_note(noteable_type="Commit"), {"ignored": "Only new comments"}),
    ("release", "GITLAB", sent.lab("release", action="create", tag="v1", name="One", commit={"id": SHA}), {
        "kind": "release", "branch": "v1", "commit": SHA}),
    ("push", "BITBUCKET", sent.bucket("repo:push", push={"changes": [sent.bucket_change()]}), {
        "kind": "push", "branch": "main", "commit": SHA, "sender": "ada", "files": None}),
    ("tag", "BITBUCKET", sent.bucket("repo:push", push={"changes": [sent.bucket_change("v1", "tag")]}), {
        "kind": "tag", "branch": "v1"}),
    ("deleted branch", "BITBUCKET", sent.bucket("repo:push", push={"changes": [sent.bucket_change(None)]}), {
        "ignored": "was deleted"}),
    ("opened", "BITBUCKET", sent.bucket_request("pullrequest:created"), {
        "kind": "pull_request", "action": "opened", "commit": SHA[:12], "fork": False}),
    ("merged", "BITBUCKET", sent.bucket_request("pullrequest:fulfilled"), {"action": "closed", "merged": True}),
    ("declined", "BITBUCKET", sent.bucket_request("pullrequest:rejected"), {"action": "closed", "merged": False}),
    ("of a fork", "BITBUCKET", sent.bucket_request("pullrequest:created", head="eve/infra"), {"fork": True}),
    ("of a deleted fork", "BITBUCKET", sent.bucket_request("pullrequest:created", head=None), {"fork": True}),
    ("comment", "BITBUCKET", sent.bucket_request(
        "pullrequest:comment_created", comment={"id": 99, "content": {"raw": "terrakube plan"}}), {
        "kind": "comment", "comment": "terrakube plan", "comment_id": "99"}),
    ("Data Center's push", "BITBUCKET", sent.center("repo:refs_changed", changes=[
        {"ref": {"id": "refs/heads/main"}, "fromHash": OLD, "toHash": SHA, "type": "UPDATE"}]), {
        "kind": "push", "branch": "main", "commit": SHA}),
    ("Data Center's deleted branch", "BITBUCKET", sent.center("repo:refs_changed", changes=[
        {"ref": {"id": "refs/heads/main"}, "fromHash": OLD, "toHash": ZEROS, "type": "DELETE"}]), {
        "ignored": "was deleted"}),
    ("Data Center's pull request", "BITBUCKET", sent.center_request("pr:opened"), {
        "kind": "pull_request", "commit": SHA, "fork": False}),
    ("Data Center's fork", "BITBUCKET", sent.center_request("pr:from_ref_updated", head=2), {
        "action": "synchronize", "fork": True}),
    ("Data Center's test", "BITBUCKET", sent.center("diagnostics:ping", test=True), {"kind": "ping"}),
    ("push", "AZURE_DEVOPS", sent.azure_push(), {
        "kind": "push", "branch": "main", "commit": SHA, "sender": "ada@example.com", "files": None,
        "repository_urls": ("https://dev.azure.com/acme/net/infra",)}),
    ("deleted branch", "AZURE_DEVOPS", sent.azure_push(commit=ZEROS), {"ignored": "was deleted"}),
    ("tag", "AZURE_SP_MI", sent.azure_push("refs/tags/v1"), {"kind": "tag", "branch": "v1"}),
    ("opened", "AZURE_DEVOPS", sent.azure_request("git.pullrequest.created"), {
        "kind": "pull_request", "action": "opened", "branch": "raise", "target_branch": "main", "fork": False}),
    ("updated", "AZURE_DEVOPS", sent.azure_request("git.pullrequest.updated"), {"action": "synchronize"}),
    ("completed", "AZURE_DEVOPS", sent.azure_request("git.pullrequest.updated", "completed"), {
        "action": "closed", "merged": True}),
    ("abandoned", "AZURE_DEVOPS", sent.azure_request("git.pullrequest.updated", "abandoned"), {
        "action": "closed", "merged": False}),
    ("of a fork", "AZURE_DEVOPS", sent.azure_request("git.pullrequest.created", forkSource={"name": "x"}), {
        "fork": True}),
    ("comment", "AZURE_DEVOPS", sent.azure_comment(), {"kind": "comment", "comment": "terrakube plan", "commit": SHA}),
    ("edited comment", "AZURE_DEVOPS", sent.azure_comment(lastContentUpdatedDate="2026-01-02T00:00:00Z"), {
        "ignored": "Only new comments"}),
    ("build", "AZURE_DEVOPS", sent.azure("build.complete"), {"ignored": "build.complete"}),
]  # fmt: skip


def payloads_of(vcs_type: str) -> Payloads:
    found = PROVIDERS[vcs_type].payloads
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("vcs_type", "delivery", "wanted"), [row[1:] for row in ROWS], ids=[f"{row[1]}-{row[0]}" for row in ROWS]
)
def test_a_delivery_is_read_as_the_table_says(vcs_type: str, delivery: Delivery, wanted: dict[str, Any]) -> None:
    headers, body = delivery
    [found] = payloads_of(vcs_type).read_events(headers, json.dumps(body).encode())
    if "ignored" in wanted:
        assert isinstance(found, Ignored), found
        assert wanted["ignored"] in found.why
        return
    assert isinstance(found, Event), found
    assert {name: getattr(found, name) for name in wanted} == wanted


def test_one_push_may_change_several_branches() -> None:
    changes = [sent.bucket_change("main"), sent.bucket_change(None), sent.bucket_change("v1", "tag")]
    headers, body = sent.bucket("repo:push", push={"changes": changes})
    found = payloads_of("BITBUCKET").read_events(headers, json.dumps(body).encode())
    assert [type(event).__name__ for event in found] == ["Event", "Ignored", "Event"]


@pytest.mark.parametrize("vcs_type", sorted(PROVIDERS))
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff"], ids=["empty", "list", "null", "open", "bytes"])
def test_what_is_no_json_object_is_said_to_be_none(vcs_type: str, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        payloads_of(vcs_type).read_events({}, body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _mutilated(draw: Callable[[Any], Any], value: Any) -> Any:
    """A document in which members are replaced by anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(_JSON)
    if isinstance(value, dict):
        return {name: _mutilated(draw, member) for name, member in value.items() if draw(st.integers(0, 19))}
    if isinstance(value, list):
        return [_mutilated(draw, member) for member in value]
    return value


@given(st.data())
def test_no_body_is_an_error(data: st.DataObject) -> None:
    """Whatever members are missing or strange, the reader says events or why there are none."""
    _, vcs_type, (headers, body), _wanted = data.draw(st.sampled_from(ROWS))
    members = {name: _mutilated(data.draw, member) for name, member in body.items()}
    for found in payloads_of(vcs_type).read_events(headers, json.dumps(members).encode()):
        assert isinstance(found, Event | Ignored)
