"""The way from a pull request to its apply, with steps in pods that clone from the provider themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from executors.choices import ExecutorKind
from executors.models import Attempt
from tests.spine.conftest import SiteMaker, db, executor_image, make_site
from tests.spine.site import Site
from tests.vcs.provider import Gitea, GitHub
from tests.vcs.provider.connecting import usual_connection
from tests.vcs.provider.fixtures import reached
from tests.vcs.provider.records import Comment, PullRequest
from tests.vcs.story import MAIN, MORE, Story, linked_user, resources
from workspaces.choices import JobStatus
from workspaces.models import Job
from workspaces.services.jobs import approve_job
from workspaces.services.organizations import add_default_templates

__all__ = ["db", "executor_image", "make_site"]
pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis]


@pytest.fixture(scope="module")
def site(make_site: SiteMaker, kube_host: str) -> Iterator[Site]:
    with make_site(optional_role=True, TERRAKUBE_OUTGOING_ALLOWED=kube_host) as site:
        site.start()
        add_default_templates(site.organization, by=None)
        yield site


@pytest.fixture(params=[GitHub, Gitea], ids=["github", "gitea"])
def provider(request: pytest.FixtureRequest, tmp_path: Path, kube_host: str) -> Iterator[GitHub | Gitea]:
    """Give a provider of each dialect that pods reach."""
    with reached(request.param(tmp_path / "provider", kube_host)) as provider:
        yield provider


@pytest.fixture
def told(site: Site, provider: GitHub | Gitea) -> Story:
    """A workspace of a private repository, in which mia, who is linked, and rob may write."""
    repository = provider.act.repository("acme/infra", {"main.tf": MAIN}, writers=("mia", "rob"))
    vcs = usual_connection(provider, repository, site.organization)
    linked_user(vcs, site.organization, "mia")
    return Story(site, provider, repository, vcs, folder="/", on_cluster=True)


def pull_request(told: Story) -> tuple[PullRequest, Comment]:
    """Open a pull request with a second resource; return it and the comment with its plan."""
    provider, repository = told.provider, told.repository
    head = provider.act.push(repository, "more", {"main.tf": MORE}, by="mia")
    pull = provider.act.open_pull_request(repository, "more", by="mia")
    told.await_state(head, "success")
    return pull, told.await_comment(pull, "2 to add", head[:10])


def executors_of(job: Job) -> set[str]:
    return set(Attempt.objects.filter(step__job=job).values_list("executor", flat=True))


def test_a_pull_request_is_planned_and_applied_before_its_merge_in_pods(told: Story) -> None:
    provider = told.provider
    told.listen(told.site.organization.templates.get(name="Plan, approve, apply"))
    pull, comment = pull_request(told)
    job = told.job_of(pull.head_sha, pr_number=pull.number)

    provider.act.review(pull, by="rob")
    command = provider.act.comment(pull, "terrakube apply", by="mia")
    told.await_answer(pull, command, "applies its plan")
    told.ended(job, JobStatus.COMPLETED)
    told.await_comment(pull, "2 added")
    assert told.own_comments(pull) == [comment]
    assert resources(told.workspace) == ["first", "second"]
    assert executors_of(job) == {ExecutorKind.KUBERNETES}
    if isinstance(provider, GitHub):
        # Each pod had a token of its own way: to read this repository, and no more.
        kept = provider.tokens.all("installation")
        assert [one for one in kept if one.permissions == {"metadata": "read", "contents": "read"}]
    provider.act.merge(pull, by="mia")


def test_a_pull_request_is_applied_after_its_merge_in_pods(told: Story) -> None:
    told.listen(told.site.organization.templates.get(name="Plan, approve, apply"), applies=False)
    pull, _ = pull_request(told)
    merged = told.provider.act.merge(pull, by="mia")
    job = told.job_of(merged, plan_only=False)
    told.ended(job, JobStatus.WAITING_APPROVAL)
    approve_job(job, by=None)
    told.ended(job, JobStatus.COMPLETED)
    told.await_state(merged, "success")
    assert resources(told.workspace) == ["first", "second"]
    assert executors_of(job) == {ExecutorKind.KUBERNETES}
