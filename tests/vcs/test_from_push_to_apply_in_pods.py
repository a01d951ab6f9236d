"""The way from a pull request to its apply, with steps in pods that clone from the provider themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from executors.choices import ExecutorKind
from executors.models import Attempt
from tests.spine.conftest import SiteMaker, db, executor_image, make_site
from tests.spine.site import Site
from tests.vcs.provider import GitHub
from tests.vcs.provider.connecting import connection_by_app
from tests.vcs.provider.fixtures import reached
from tests.vcs.story import MAIN, MORE, Story, linked_user, resources
from workspaces.choices import JobStatus
from workspaces.services.organizations import add_default_templates

__all__ = ["db", "executor_image", "make_site"]
pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis]


@pytest.fixture(scope="module")
def site(make_site: SiteMaker, kube_host: str) -> Iterator[Site]:
    with make_site(optional_role=True, TERRAKUBE_OUTGOING_ALLOWED=kube_host) as site:
        site.start()
        add_default_templates(site.organization, by=None)
        yield site


@pytest.fixture
def github(tmp_path: Path, kube_host: str) -> Iterator[GitHub]:
    """Give a provider that pods reach."""
    with reached(GitHub(tmp_path / "github", kube_host)) as provider:
        yield provider


def test_a_pull_request_is_planned_and_applied_in_pods(site: Site, github: GitHub) -> None:
    repository = github.act.repository("acme/infra", {"main.tf": MAIN}, writers=("mia", "rob"))
    github.install_app("acme")
    vcs = connection_by_app(github, site.organization)
    linked_user(vcs, site.organization, "mia")
    told = Story(site, github, repository, vcs, folder="/", on_cluster=True)
    told.listen(site.organization.templates.get(name="Plan, approve, apply"))

    head = github.act.push(repository, "more", {"main.tf": MORE}, by="mia")
    pull = github.act.open_pull_request(repository, "more", by="mia")
    job = told.job_of(head, pr_number=pull.number)
    told.await_state(head, "success")
    comment = told.await_comment(pull, "2 to add", head[:10])

    github.act.review(pull, by="rob")
    command = github.act.comment(pull, "terrakube apply", by="mia")
    told.await_answer(pull, command, "applies its plan")
    told.ended(job, JobStatus.COMPLETED)
    told.await_comment(pull, "2 added")
    assert told.own_comments(pull) == [comment]
    assert resources(told.workspace) == ["first", "second"]
    kinds = set(Attempt.objects.filter(step__job=job).values_list("executor", flat=True))
    assert kinds == {ExecutorKind.KUBERNETES}
    # Each pod had a token of its own way: to read this repository, and no more.
    reading = [
        one for one in github.tokens.all("installation") if one.permissions == {"metadata": "read", "contents": "read"}
    ]
    assert reading
    github.act.merge(pull, by="mia")
