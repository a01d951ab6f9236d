"""The whole way at a running site: a push, a pull request, its comments, an apply before the merge, the merge."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spine.site import Site
from tests.vcs.provider import Gitea, GitHub
from tests.vcs.provider.connecting import usual_connection
from tests.vcs.provider.records import Repository
from tests.vcs.site import db, site
from tests.vcs.story import EVEN_MORE, MAIN, MORE, Story, linked_user, resources
from workspaces.choices import JobStatus, Via
from workspaces.models import Job, Template, Vcs, Workspace
from workspaces.services.jobs import approve_job

__all__ = ["db", "site"]
pytestmark = [pytest.mark.once, pytest.mark.xdist_group("from-push-to-apply")]
FOLDER = "envs/prod"
FILE = f"{FOLDER}/main.tf"
VIAS = {"GITHUB": Via.GITHUB, "GITEA": Via.GITEA}


@pytest.fixture
def repository(provider: GitHub | Gitea) -> Repository:
    """acme/infra, in which mia and rob may write and anybody may read."""
    provider.person("acme", "Organization")
    files = {FILE: MAIN, "README.md": "# infra\n"}
    return provider.act.repository("acme/infra", files, private=False, writers=("mia", "rob"))


@pytest.fixture
def vcs(site: Site, provider: GitHub | Gitea, repository: Repository) -> Vcs:
    return usual_connection(provider, repository, site.organization, name=f"{provider.dialect} {provider.url}")


@pytest.fixture
def told(site: Site, provider: GitHub | Gitea, repository: Repository, vcs: Vcs) -> Story:
    """A workspace of the repository's folder, whose webhook is registered."""
    story = Story(site, provider, repository, vcs, folder=FOLDER, on_cluster=False)
    story.listen(template(site, "Plan, approve, apply"))
    return story


def template(site: Site, name: str) -> Template:
    return site.organization.templates.get(name=name)


def test_a_pull_request_goes_from_its_plan_to_its_apply_and_its_merge(told: Story) -> None:
    provider, repository = told.provider, told.repository
    linked_user(told.vcs, told.site.organization, "mia")

    # A push to the workspace's branch starts the template, which waits for its approval.
    first = provider.act.push(repository, "main", {FILE: MAIN + "\n"}, "Newline", by="mia")
    pushed = told.job_of(first)
    assert (pushed.via, pushed.plan_only, pushed.pr_number) == (VIAS[provider.dialect], False, None)
    told.ended(pushed, JobStatus.WAITING_APPROVAL)
    told.wait(lambda: told.states(first)[:1] == ["pending"] or None, "the push has a status")
    approve_job(pushed, by=None)
    told.ended(pushed, JobStatus.COMPLETED)
    told.await_state(first, "success")
    assert resources(told.workspace) == ["first"]

    # A pull request is planned, and told.
    head = provider.act.push(repository, "more", {FILE: MORE}, "A second", by="mia")
    pull = provider.act.open_pull_request(repository, "more", by="mia", title="A second")
    planned = told.job_of(head, pr_number=pull.number)
    comment = told.await_comment(pull, "1 to add", head[:10])
    told.await_state(head, "success")
    assert told.states(head)[0] == "pending"
    assert "terraform_data.second" in comment.body
    assert resources(told.workspace) == ["first"]

    # A second push is planned instead, in the same comment.
    second = provider.act.push(repository, "more", {FILE: EVEN_MORE}, "A third", by="mia")
    told.job_of(second, pr_number=pull.number)
    told.await_comment(pull, "2 to add", second[:10])
    told.await_state(second, "success")
    assert told.own_comments(pull) == [comment]
    assert len(comment.bodies) >= 2
    planned.refresh_from_db()
    assert planned.status in {JobStatus.CANCELLED, JobStatus.COMPLETED}, "the older plan can no longer be applied"

    # A stranger commands nothing, and is told so.
    command = provider.act.comment(pull, "terrakube apply", by="eve")
    told.await_answer(pull, command, "Refused", "not linked")
    told.wait(lambda: [one.content for one in command.reactions] == ["-1"] or None, "the command has a reaction")

    # Nor does a linked person before somebody else approved.
    command = provider.act.comment(pull, "terrakube apply", by="mia")
    told.await_answer(pull, command, "not approved")
    assert resources(told.workspace) == ["first"]

    provider.act.review(pull, by="rob")
    command = provider.act.comment(pull, "terrakube apply", by="mia")
    told.await_answer(pull, command, "applies its plan")
    applied = told.job_of(second, pr_number=pull.number)
    told.ended(applied, JobStatus.COMPLETED)
    told.await_comment(pull, "2 added")
    assert resources(told.workspace) == ["first", "second", "third"]
    told.workspace.refresh_from_db()
    assert told.workspace.locked, "until the merge the workspace is the pull request's"

    # The merge gives the workspace back.
    provider.act.merge(pull, by="mia")
    told.wait(lambda: not Workspace.objects.get(pk=told.workspace.pk).locked or None, "the workspace is unlocked")
    assert told.own_comments(pull) == [comment]


def test_a_change_beside_the_folder_starts_nothing(told: Story) -> None:
    provider, repository = told.provider, told.repository
    commit = provider.act.push(repository, "main", {"README.md": "# more\n"}, by="mia")
    delivery = provider.deliveries.of("push")[-1]
    assert delivery.status in {200, 202}
    after = provider.act.push(repository, "main", {FILE: MORE}, by="mia")
    told.job_of(after)
    assert not Job.objects.filter(workspace=told.workspace, commit_id=commit).exists()


def test_a_pull_request_of_a_fork_waits_for_a_person(told: Story) -> None:
    provider, repository = told.provider, told.repository
    linked_user(told.vcs, told.site.organization, "mia")
    fork = provider.act.fork(repository, by="eve")
    head = provider.act.push(fork, "gift", {FILE: MORE}, by="eve")
    pull = provider.act.open_pull_request(repository, "gift", by="eve", source=fork)
    for person in ("eve", "mia"):
        command = provider.act.comment(pull, "terrakube plan", by=person)
        told.await_answer(pull, command, "Refused" if person == "eve" else f"terrakube plan -c {head[:10]}")
    assert not Job.objects.filter(workspace=told.workspace, pr_number=pull.number).exists()

    provider.act.comment(pull, f"terrakube plan -c {head[:10]}", by="mia")
    job = told.job_of(head, pr_number=pull.number)
    told.ended(job, JobStatus.COMPLETED)
    assert job.plan_only
    told.await_comment(pull, "2 to add")
    provider.act.review(pull, by="rob")
    command = provider.act.comment(pull, "terrakube apply", by="mia")
    told.await_answer(pull, command, "fork")
    assert resources(told.workspace) == []


def test_a_delivery_that_comes_twice_starts_one_job(told: Story) -> None:
    provider, repository = told.provider, told.repository
    commit = provider.act.push(repository, "main", {FILE: MORE}, by="mia")
    told.job_of(commit)
    delivery = provider.deliveries.of("push")[-1]
    provider.deliveries.put(delivery)
    forged = {**delivery.headers, **{name: "sha256=" + "0" * 64 for name in delivery.headers if "ignature" in name}}
    provider.deliveries.settle()
    assert delivery.status == 200
    status, _ = provider.deliveries.send(type(delivery)(delivery.url, "push", "", forged, delivery.body))
    assert status == 401
    assert Job.objects.filter(workspace=told.workspace, commit_id=commit).count() == 1


def test_statuses_wait_for_a_provider_that_is_away_or_busy(told: Story, tmp_path: Path) -> None:
    provider, repository = told.provider, told.repository
    provider.faults.limit_rate(r"POST .*/statuses/", times=2, seconds=1)
    provider.faults.fail(r"POST .*/comments$", times=1)
    head = provider.act.push(repository, "more", {FILE: MORE}, by="mia")
    pull = provider.act.open_pull_request(repository, "more", by="mia")
    told.await_state(head, "success")
    told.await_comment(pull, "2 to add")
    assert len(told.own_comments(pull)) == 1
