"""Deliveries of each provider, trimmed to what they are read for; made by hand from the providers' documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHA = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
OLD = "a10867b14bb761a232cd80139fbd4c0d33264240"
ZEROS = "0" * 40
type Delivery = tuple[Mapping[str, str], dict[str, Any]]


# ---- GitHub ---------------------------------------------------------------------------------------------------------

_HUB_REPOSITORY = {"full_name": "Acme/infra", "clone_url": "https://github.com/Acme/infra.git"}
_HUB_SENDER = {"login": "ada", "id": 7}


def hub(event: str, **body: Any) -> Delivery:
    return {"x-github-event": event}, {"repository": _HUB_REPOSITORY, "sender": _HUB_SENDER, **body}


def hub_push(*files: str, ref: str = "refs/heads/main", commit: str = SHA, **more: Any) -> Delivery:
    commits = [{"added": [], "modified": list(files), "removed": []}]
    head = {"id": commit, "message": "Raise the limit\n\nMore."}
    return hub(
        "push",
        **{"ref": ref, "before": OLD, "after": commit, "head_commit": head, "commits": commits, "deleted": False}
        | {"forced": False}
        | more,
    )


def hub_pull_request(
    action: str = "opened", *, head: str | None = "Acme/infra", commit: str = SHA, **more: Any
) -> Delivery:
    repository = None if head is None else {"full_name": head}
    return hub(
        "pull_request",
        action=action,
        number=12,
        pull_request={
            "title": "Raise the limit",
            "merged": False,
            "head": {"ref": "raise", "sha": commit, "repo": repository},
            "base": {"ref": "main", "repo": {"full_name": "Acme/infra"}},
        }
        | more,
    )


def hub_comment(action: str = "created", issue: Mapping[str, Any] | None = None) -> Delivery:
    found = {"number": 12, "pull_request": {"url": "https://evil.example/12"}} if issue is None else issue
    return hub("issue_comment", action=action, issue=found, comment={"id": 99, "body": "terrakube plan"})


# ---- Gitea ----------------------------------------------------------------------------------------------------------

_TEA_REPOSITORY = {"full_name": "acme/infra", "clone_url": "https://gitea.example/acme/infra.git"}


def tea(event: str, **body: Any) -> Delivery:
    return {"x-gitea-event": event}, {"repository": _TEA_REPOSITORY, "sender": {"login": "ada", "id": 7}, **body}


def tea_push(*files: str, ref: str = "refs/heads/main", commit: str = SHA, **more: Any) -> Delivery:
    commits = [{"added": list(files), "modified": [], "removed": []}]
    body = {"ref": ref, "before": OLD, "after": commit, "commits": commits, "total_commits": 1}
    return tea("push", **body | {"head_commit": {"message": "m"}} | more)


def tea_pull_request(action: str = "opened", *, head: int | None = 1) -> Delivery:
    return tea(
        "pull_request",
        action=action,
        number=12,
        pull_request={
            "title": "Raise the limit",
            "head": {"ref": "raise", "sha": SHA, "repo_id": head},
            "base": {"ref": "main", "repo_id": 1},
        },
    )


# ---- GitLab ---------------------------------------------------------------------------------------------------------

_LAB_PROJECT = {"git_http_url": "https://gitlab.com/acme/sub/infra.git"}


def lab(kind: str, **body: Any) -> Delivery:
    return {"x-gitlab-event": "Hook"}, {"object_kind": kind, "project": _LAB_PROJECT, **body}


def lab_push(*files: str, kind: str = "push", ref: str = "refs/heads/main", **more: Any) -> Delivery:
    commits = [{"message": "m", "added": [], "modified": list(files), "removed": []}]
    body = {"ref": ref, "before": OLD, "checkout_sha": SHA, "commits": commits, "total_commits_count": 1}
    return lab(kind, **body | {"user_username": "ada", "user_id": 7} | more)


def lab_request(action: str, *, source: int = 1, **more: Any) -> Delivery:
    attributes = {
        "action": action, "iid": 12, "title": "Raise the limit", "source_branch": "raise", "target_branch": "main",
        "last_commit": {"id": SHA}, "source_project_id": source, "target_project_id": 1, **more,
    }  # fmt: skip
    return lab("merge_request", user={"username": "ada", "id": 7}, object_attributes=attributes)


def lab_note(**more: Any) -> Delivery:
    note = {"id": 99, "note": "terrakube plan", "noteable_type": "MergeRequest", "action": "create", **more}
    request = {
        "iid": 12, "source_branch": "raise", "target_branch": "main", "last_commit": {"id": SHA},
        "source_project_id": 1, "target_project_id": 1,
    }  # fmt: skip
    return lab("note", user={"username": "ada", "id": 7}, object_attributes=note, merge_request=request)


# ---- Bitbucket ------------------------------------------------------------------------------------------------------

_BUCKET_REPOSITORY = {"links": {"html": {"href": "https://bitbucket.org/acme/infra"}}, "full_name": "acme/infra"}
_BUCKET_ACTOR = {"nickname": "ada", "account_id": "557058:7"}


def bucket(key: str, **body: Any) -> Delivery:
    return {"x-event-key": key}, {"repository": _BUCKET_REPOSITORY, "actor": _BUCKET_ACTOR, **body}


def bucket_change(name: str | None = "main", kind: str = "branch", commit: str = SHA) -> dict[str, Any]:
    new = None if name is None else {"type": kind, "name": name, "target": {"hash": commit, "message": "m"}}
    return {"new": new, "old": {"name": "main", "target": {"hash": OLD}}}


def bucket_request(key: str, *, head: str | None = "acme/infra", **more: Any) -> Delivery:
    source = {"branch": {"name": "raise"}, "commit": {"hash": SHA[:12]}, "repository": head and {"full_name": head}}
    target = {"branch": {"name": "main"}, "repository": {"full_name": "acme/infra"}}
    return bucket(key, pullrequest={"id": 12, "title": "Raise", "source": source, "destination": target}, **more)


def center(key: str, **body: Any) -> Delivery:
    return {"x-event-key": key}, {"actor": {"name": "ada", "id": 7}, **body}


def center_request(key: str, *, head: int = 1, **more: Any) -> Delivery:
    pull = {
        "id": 12, "title": "Raise",
        "fromRef": {"displayId": "raise", "latestCommit": SHA, "repository": {"id": head}},
        "toRef": {"displayId": "main", "repository": {"id": 1}},
    }  # fmt: skip
    return center(key, pullRequest=pull, **more)


# ---- Azure DevOps ---------------------------------------------------------------------------------------------------

_AZURE_REPOSITORY = {"remoteUrl": "https://dev.azure.com/acme/net/_git/infra"}


def azure(kind: str, **resource: Any) -> Delivery:
    return {}, {"id": "03c164c2", "eventType": kind, "resource": {"repository": _AZURE_REPOSITORY, **resource}}


def azure_push(name: str = "refs/heads/main", commit: str = SHA) -> Delivery:
    return azure(
        "git.push",
        refUpdates=[{"name": name, "oldObjectId": OLD, "newObjectId": commit}],
        pushedBy={"uniqueName": "ada@example.com", "id": "7"},
    )


def azure_request(kind: str, status: str = "active", **more: Any) -> Delivery:
    return azure(
        kind,
        pullRequestId=12,
        status=status,
        title="Raise",
        sourceRefName="refs/heads/raise",
        targetRefName="refs/heads/main",
        lastMergeSourceCommit={"commitId": SHA},
        createdBy={"uniqueName": "ada@example.com", "id": "7"},
        **more,
    )


def azure_comment(**comment: Any) -> Delivery:
    pull = azure_request("x")[1]["resource"]
    date = {"publishedDate": "2026-01-01T00:00:00Z", "lastContentUpdatedDate": "2026-01-01T00:00:00Z"}
    author = {"uniqueName": "ada@example.com", "id": "7"}
    return azure(
        "ms.vss-code.git-pullrequest-comment-event",
        pullRequest=pull,
        comment={"id": 3, "content": "terrakube plan", "author": author, **date, **comment},
    )
