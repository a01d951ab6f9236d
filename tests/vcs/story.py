"""A workspace whose repository is at a fake provider: what a test does with both, and waits for."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.contrib.auth.models import Group, User

from tests.factories import UserFactory
from tests.spine.site import Site, story
from tests.spine.waiting import await_that
from tests.vcs.provider import Gitea, GitHub
from tests.vcs.provider.records import Comment, Hook, PullRequest, Repository
from vcs.models import AccountLink
from workspaces.choices import JobStatus, TeamRole, WebhookEventType
from workspaces.models import Job, Organization, StateVersion, Team, Template, Vcs, Webhook, WebhookEvent, Workspace
from workspaces.services.webhooks import create_event, create_webhook

SECONDS = 60
MAIN = 'resource "terraform_data" "first" {\n  input = "one"\n}\n'
MORE = MAIN + 'resource "terraform_data" "second" {\n  input = "two"\n}\n'
EVEN_MORE = MORE + 'resource "terraform_data" "third" {\n  input = "three"\n}\n'


def linked_user(vcs: Vcs, organization: Organization, account: str, role: TeamRole = TeamRole.ADMIN) -> User:
    """Return a user with a role in the organization, to whom the provider's account belongs."""
    team, _ = Team.objects.get_or_create(organization=organization, name=f"TEAM_{role}", defaults={"role": role})
    user: User = UserFactory.create()
    user.groups.add(Group.objects.get_or_create(name=team.name)[0])
    AccountLink.objects.create(vcs=vcs, account=account, user=user)
    return user


def resources(workspace: Workspace) -> list[str]:
    """Return the names of what the newest state manages."""
    newest = StateVersion.objects.filter(workspace=workspace).first()
    return sorted(one["name"] for one in json.loads(newest.content)["resources"]) if newest else []


class Story:
    """A workspace with a webhook, and its repository. ``person`` pushes and is linked; strangers are not."""

    def __init__(
        self, site: Site, provider: GitHub | Gitea, repository: Repository, vcs: Vcs, *, folder: str, on_cluster: bool
    ) -> None:
        self.site = site
        self.provider = provider
        self.repository = repository
        self.vcs = vcs
        self.workspace: Workspace = site.workspace(
            source=provider.clone_url(repository), branch="main", folder=folder, vcs=vcs, on_cluster=on_cluster
        )

    def listen(self, template: Template, *, applies: bool = True) -> Hook:
        """Start jobs for pushes and pull requests; returns the hook at the provider, once it is registered."""
        webhook = create_webhook(Webhook(workspace=self.workspace, migrated_v2=True), by=None)
        create_event(WebhookEvent(webhook=webhook, event=WebhookEventType.PUSH, template=template), by=None)
        create_event(
            WebhookEvent(
                webhook=webhook,
                event=WebhookEventType.PULL_REQUEST,
                template=template,
                pr_workflow_enabled=True,
                pr_apply_enabled=applies,
            ),
            by=None,
        )

        def registered() -> Hook | None:
            asked = {"push", "pull_request"}
            return next((one for one in self.repository.hooks if one.active and asked <= set(one.events)), None)

        return self.wait(registered, "the hook is registered for pushes and pull requests")

    def wait[T](self, look: Callable[[], T | None], what: str) -> T:
        """Wait as long as a job may take; a failure tells what the newest jobs did, and what the provider was asked."""
        try:
            return await_that(look, what, SECONDS)
        except BaseException as error:
            jobs = Job.objects.filter(workspace=self.workspace).order_by("-pk")[:3]
            asked = [call.what for call in self.provider.calls if "/api/" in call.path][-20:]
            error.add_note("\n".join([*map(story, jobs), *asked, *self.provider.complaints]))
            raise

    # ---- jobs -------------------------------------------------------------------------------------------------------

    def job_of(self, commit: str, **fields: object) -> Job:
        """Wait for the newest job of a commit."""
        jobs = Job.objects.filter(workspace=self.workspace, commit_id=commit, **fields).order_by("-pk")
        found: Job = self.wait(jobs.first, f"there is a job of {commit[:10]}")
        return found

    def ended(self, job: Job, *statuses: JobStatus) -> Job:
        """Wait until a job has one of the statuses."""
        return self.site.await_status(job, *statuses)

    # ---- what the provider was told ---------------------------------------------------------------------------------

    def states(self, commit: str) -> list[str]:
        """Return the states of the workspace's status of a commit, in the order in which they were sent."""
        kept = self.repository.statuses.get(commit, [])
        return [one.state for one in kept if self.workspace.name in one.context]

    def await_state(self, commit: str, state: str) -> None:
        self.wait(lambda: self.states(commit)[-1:] == [state] or None, f"the status of {commit[:10]} is {state}")

    def own_comments(self, pull: PullRequest) -> list[Comment]:
        """Return the site's comments about the workspace."""
        return [one for one in pull.comments if str(self.workspace.pk) in one.bodies[0].partition("\n")[0]]

    def await_comment(self, pull: PullRequest, *words: str) -> Comment:
        """Wait until the site's one comment about the workspace says something."""

        def said() -> Comment | None:
            found = self.own_comments(pull)
            return next((one for one in found if all(word in one.body for word in words)), None)

        return self.wait(said, f"a comment says {' and '.join(words)}")

    def await_answer(self, pull: PullRequest, command: Comment, *words: str) -> Comment:
        """Wait for the site's answer to a command, which stands after it."""

        def answered() -> Comment | None:
            after = pull.comments[pull.comments.index(command) + 1 :]
            own = self.own_comments(pull)
            return next((one for one in after if one not in own and all(word in one.body for word in words)), None)

        return self.wait(answered, f"an answer says {' and '.join(words)}")
