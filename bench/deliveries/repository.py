"""A repository at GitHub of which many workspaces have a folder each, and pushes to it as GitHub tells of them."""

from __future__ import annotations

import hmac
import json
import secrets
import time
import urllib.request
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from vcs.models import RepositoryHook
from workspaces.choices import IacType, VcsType, WebhookEventType
from workspaces.models import Organization, Template, Vcs, Webhook, WebhookEvent, Workspace
from workspaces.services.organizations import create_organization

_NAME = "acme/infra"
_URL = f"https://github.com/{_NAME}"
_PLAN = "flow:\n  - type: terraformPlan\n    step: 100\n"
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Repository:
    """The webhook of the repository at a site."""

    address: str
    secret: str

    @classmethod
    def made(cls, site: str, workspaces: int) -> Repository:
        """Make the records: a connection, its webhook, and workspaces that plan for pushes to any branch."""
        organization = create_organization(by=None, name="bench")
        vcs = Vcs.objects.create(organization=organization, name="hub", vcs_type=VcsType.GITHUB)
        template = Template.objects.create(organization=organization, name="Only a plan", tcl=_PLAN)
        for number in range(workspaces):
            _listening(organization, vcs, template, number)
        hook = RepositoryHook.objects.create(vcs=vcs, repository_url=_URL, source=f"{_URL}.git")
        return cls(site + hook.path, hook.secret)

    def push(self, branch: str, files: Sequence[str]) -> float:
        """Tell the site of a push; return after how many seconds it answered."""
        commit = secrets.token_hex(20)
        changed = {"id": commit, "message": "Change", "added": [], "removed": [], "modified": list(files)}
        body = {
            "ref": f"refs/heads/{branch}",
            "before": "0" * 40,
            "after": commit,
            "created": True,
            "deleted": False,
            "forced": False,
            "commits": [changed],
            "head_commit": changed,
            "repository": {
                "id": 1,
                "full_name": _NAME,
                "html_url": _URL,
                "clone_url": f"{_URL}.git",
                "default_branch": "main",
            },
            "sender": {"login": "mia"},
            "pusher": {"name": "mia"},
        }
        content = json.dumps(body).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": f"sha256={hmac.new(self.secret.encode(), content, 'sha256').hexdigest()}",
        }
        request = urllib.request.Request(self.address, content, headers)  # noqa: S310 - our own server
        begun = time.perf_counter()
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            answer.read()
        return time.perf_counter() - begun

    def push_many(self, number: int, folders: int, at_once: int) -> list[float]:
        """Tell of pushes that change folders of their own; return after how many seconds each was answered."""

        def push(place: int) -> float:
            files = [f"envs/{place * folders + step}/main.tf" for step in range(folders)]
            return self.push(f"branch-{place}", files)

        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(push, range(number)))


def _listening(organization: Organization, vcs: Vcs, template: Template, number: int) -> None:
    workspace = Workspace.objects.create(
        organization=organization,
        name=f"infra-{number}",
        source=f"{_URL}.git",
        branch="main",
        folder=f"envs/{number}",
        iac_type=IacType.TERRAFORM,
        terraform_version="1.11.4",
        vcs=vcs,
    )
    webhook = Webhook.objects.create(workspace=workspace, migrated_v2=True)
    WebhookEvent.objects.create(
        webhook=webhook, event=WebhookEventType.PUSH, branch=".*", template=template, acts_for_site=True
    )
