"""The way from a connection to an apply in a real browser: it is set up, ten workspaces are made, a plan is applied."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect

from tests.factories import UserFactory
from tests.panel.test_in_the_browser import faults
from tests.spine.site import Site
from tests.spine.waiting import await_that
from tests.support.patience import patient
from tests.support.visits import Visitor, Watch
from tests.vcs.provider import GitHub
from tests.vcs.provider.connecting import connection_by_app
from tests.vcs.provider.fixtures import reached
from tests.vcs.provider.records import Repository
from tests.vcs.site import db, site
from tests.vcs.story import MAIN, MORE, linked_user, resources
from vcs.models import PullRequest
from workspaces.choices import IacType
from workspaces.models import Job, Vcs, Workspace
from workspaces.services.many_workspaces import Listening, NewWorkspace, create_workspaces
from workspaces.services.workspaces import delete_workspace

__all__ = ["db", "site"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.once,
    pytest.mark.xdist_group("vcs-in-the-browser"),
    pytest.mark.timeout(patient(300)),
    pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform"),
]
PASSWORD = "correct horse"
TEMPLATE = "Plan, approve, apply"
STEP_MILLISECONDS = patient(90_000)
FOLDERS = [f"envs/{name}" for name in ("dev", "prod", "stage")] + [f"teams/team-{number}" for number in range(7)]


@pytest.fixture(scope="module")
def github(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHub]:
    """GitHub with a monorepo of ten configurations, and an App that the owner installed."""
    with reached(GitHub(tmp_path_factory.mktemp("github"))) as provider:
        provider.person("acme", "Organization")
        files = {f"{folder}/main.tf": MAIN for folder in FOLDERS}
        provider.act.repository("acme/infra", {**files, "docs/index.md": "# Infra\n"}, writers=("mia",))
        provider.act.repository("acme/website", {"index.html": ""})
        provider.install_app("acme")
        yield provider


@pytest.fixture(scope="module")
def repository(github: GitHub) -> Repository:
    found = github.find("acme", "infra")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def user(site: Site) -> User:
    found: User = UserFactory.create(is_staff=True, is_superuser=True)
    found.set_password(PASSWORD)
    found.save()
    return found


@pytest.fixture
def visit(page: Page, watch: Watch, site: Site, user: User) -> Visitor:
    """An administrator, signed in."""
    found = Visitor(page, watch, site.address)
    found.sign_in(user.username, PASSWORD)
    return found


def test_a_connection_is_set_up_on_its_page(visit: Visitor, site: Site, github: GitHub) -> None:
    page = visit.page
    visit.open(f"{reverse('admin:workspaces_vcs_add')}?organization={site.organization.pk}")
    page.get_by_label("Name").fill("hub")
    page.get_by_label("Description").fill("Our App")
    page.locator("#id_vcs_type").select_option("GITHUB")
    page.locator("#id_connection_type").select_option("STANDALONE")
    page.get_by_label("Endpoint").fill(github.url)
    page.get_by_label("API URL").fill(github.api_url)
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("Set up step by step")).to_be_visible()
    expect(page.locator("ol.tk-help")).to_contain_text("Install the App")

    # What is missing is said.
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("The connection “hub” has no token.").first).to_be_visible()

    page.get_by_label("Client ID").fill(github.app.client_id)
    page.get_by_label("Private key").fill(github.app.private_key())
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("accepts the App's key; it is installed on acme.")).to_be_visible()
    page.get_by_label("Address of a repository").fill(f"{github.url}/acme/infra")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("lets the site read acme/infra")).to_be_visible()


@pytest.fixture(scope="module")
def vcs(site: Site, github: GitHub) -> Vcs:
    return connection_by_app(github, site.organization, name="monorepo")


def test_ten_workspaces_are_made_of_a_monorepos_folders(visit: Visitor, site: Site, vcs: Vcs, github: GitHub) -> None:
    page = visit.page
    visit.open(reverse("admin:workspaces_workspace_changelist"))
    page.get_by_role("link", name="Create from a repository").click()
    page.get_by_role("link", name="monorepo").click()
    page.get_by_label("Name of a repository").fill("infra")
    page.keyboard.press("Enter")
    expect(page.locator(".tk-offers a")).to_have_text(["acme/infra"])
    wrong = faults(page)
    page.get_by_role("link", name="acme/infra").click()
    page.get_by_role("link", name="main").click()
    assert wrong + faults(page) == []

    shown = page.locator("#folders tr:visible")
    expect(shown).to_have_count(len(FOLDERS))
    search, count = page.get_by_label("Part of a path"), page.locator("[data-count]")
    search.fill("envs/p")
    expect(shown).to_have_count(1)
    page.get_by_label("Select all").check()
    expect(count).to_have_text("1 selected")
    search.fill("")
    page.get_by_label("Select all").check()
    expect(count).to_have_text("10 selected")

    # A name that is wrong is said at its folder, and all else stays.
    name = page.get_by_label("Name of the workspace envs/prod")
    expect(name).to_have_value("envs-prod")
    name.fill("a/b")
    page.get_by_label("Tool").select_option("terraform")
    page.get_by_label("Default template").select_option(label=TEMPLATE)
    page.get_by_label("Webhook").select_option("pull-requests")
    page.get_by_label("Apply by comment").check()
    page.get_by_role("button", name="Create the workspaces").click()
    expect(page.locator("#folders .tk-error")).to_have_count(1)
    expect(page.locator("#folders .tk-error")).to_contain_text("cannot be part of a URL")
    expect(count).to_have_text("10 selected")
    expect(page.get_by_label("Webhook")).to_have_value("pull-requests")
    name.fill("production")
    page.get_by_role("button", name="Create the workspaces").click()

    expect(page.get_by_text("10 workspaces were created.")).to_be_visible()
    expect(page.get_by_role("link", name="production")).to_be_visible()
    made = Workspace.objects.filter(vcs=vcs)
    assert sorted(one.first_folder.strip("/") for one in made) == FOLDERS
    assert made.filter(webhook__events__pr_apply_enabled=True).count() == len(FOLDERS)
    for one in made:
        delete_workspace(one, by=None)


def test_the_pages_work_by_the_keyboard_and_without_scripts(
    new_context: Callable[..., BrowserContext], watch: Watch, site: Site, vcs: Vcs, user: User
) -> None:
    page = new_context(java_script_enabled=False).new_page()
    visitor = Visitor(page, watch, site.address)
    visitor.sign_in(user.username, PASSWORD)
    visitor.open(f"{reverse('admin:workspaces_workspace_from_repository')}?vcs={vcs.pk}")
    for name in ("acme/infra", "main"):
        page.get_by_role("link", name=name).focus()
        page.keyboard.press("Enter")
    page.get_by_label("Part of a path").fill("teams")
    page.keyboard.press("Enter")
    expect(page.locator("#folders tr")).to_have_count(7)
    page.get_by_role("link", name="Select all").click()
    expect(page.locator("#folders :checked")).to_have_count(7)
    page.get_by_role("button", name="Create the workspaces").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("7 workspaces were created.")).to_be_visible()
    made = Workspace.objects.filter(vcs=vcs, deleted=False)
    assert sorted(one.name for one in made) == [f"teams-team-{number}" for number in range(7)]
    for one in made:
        delete_workspace(one, by=None)


def test_a_pull_request_is_followed_from_its_plan_to_its_apply(
    visit: Visitor, site: Site, vcs: Vcs, github: GitHub, repository: Repository
) -> None:
    page = visit.page
    linked_user(vcs, site.organization, "mia")
    template = site.organization.templates.get(name=TEMPLATE)
    one, other = create_workspaces(
        site.organization,
        [NewWorkspace("envs/dev", "followed"), NewWorkspace("envs/stage", "untouched")],
        by=None,
        listening=Listening(template=template, apply_by_comment=True),
        source=github.clone_url(repository),
        branch="main",
        vcs=vcs,
        iac_type=IacType.TERRAFORM,
        terraform_version="1.11.4",
        default_template=template,
    )

    def registered() -> bool:
        return any(hook.active and "pull_request" in hook.events for hook in repository.hooks)

    await_that(registered, "the webhook is registered", 60)
    head = github.act.push(repository, "more", {"envs/dev/main.tf": MORE}, "A second resource", by="mia")
    pull = github.act.open_pull_request(repository, "more", by="mia", title="A second resource")
    await_that(lambda: Job.objects.filter(workspace=one, pr_number=pull.number).exists(), "it is planned", 60)

    visit.open(reverse("admin:vcs_pullrequest_changelist"))
    page.get_by_role("link", name="A second resource").click()
    concerned = page.get_by_role("region", name="Workspaces").get_by_role("row")
    expect(concerned).to_have_count(2)
    expect(concerned.last).to_contain_text("followed")
    concerned.last.get_by_role("link", name=re.compile(r"#\d+")).click()

    state = page.locator("#run-state")
    expect(page.locator("#run-results")).to_contain_text("2 to add", timeout=STEP_MILLISECONDS)
    expect(state).to_contain_text("Waiting for approval")
    expect(page.locator(".tk-meta")).to_contain_text(head[:10])
    page.get_by_role("button", name="Approve").click()
    expect(state).to_contain_text("Completed", timeout=STEP_MILLISECONDS)
    expect(page.locator("#run-results")).to_contain_text("of state 1", timeout=STEP_MILLISECONDS)
    assert resources(one) == ["first", "second"]
    assert not Job.objects.filter(workspace=other).exists()

    # Until the merge the workspace is the pull request's.
    record = PullRequest.objects.get(number=pull.number)
    visit.open(reverse("admin:vcs_pullrequest_change", args=[record.pk]))
    expect(page.get_by_text("Holds the lock")).to_be_visible()
    github.act.merge(pull, by="mia")
    await_that(lambda: not Workspace.objects.get(pk=one.pk).locked, "the workspace is unlocked", 60)
    visit.open(reverse("admin:vcs_pullrequest_change", args=[record.pk]))
    expect(page.get_by_text("Holds the lock")).to_be_hidden()
