"""Workspaces are made of a repository's folders: connection, repository, branch and folders, chosen page by page."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from executors.choosing.names import proposed_names
from tests.api.client import Api, token_of
from tests.factories import (
    PLAN,
    OrganizationFactory,
    TeamFactory,
    TemplateFactory,
    UserFactory,
    WorkspaceFactory,
    member,
)
from tests.panel.forms import fields_of
from tests.vcs.connections import connection
from tests.vcs.fake_api import FakeApi, Told
from tests.vcs.provider import GitHub
from tests.vcs.provider.connecting import connection_by_app, connection_by_token
from tests.vcs.provider.records import Repository
from workspaces.choices import VcsType, WebhookEventType
from workspaces.models import Job, Organization, Project, Vcs, Webhook, Workspace

pytestmark = pytest.mark.django_db
FILES = {
    "main.tf": "",
    "docs/index.md": "",
    "envs/dev/main.tf": "",
    "envs/dev/variables.tf": "",
    "envs/prod/main.tofu": "",
    "legacy/main.tf.json": "{}",
}
FOLDERS = ["", "envs/dev", "envs/prod", "legacy"]
Committing = Callable[..., AbstractContextManager[list[Any]]]


@pytest.fixture
def repository(github: GitHub) -> Repository:
    github.person("acme", "Organization")
    return github.act.repository("acme/infra", FILES)


@pytest.fixture
def vcs(github: GitHub, repository: Repository) -> Vcs:
    github.install_app("acme")
    return connection_by_app(github, OrganizationFactory.create(name="net"))


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def folders(github: GitHub, repository: Repository, vcs: Vcs) -> str:
    """The address of the last step."""
    return address(vcs, repository=github.clone_url(repository), branch="main")


def address(vcs: Vcs | None = None, **chosen: str) -> str:
    query = {**({} if vcs is None else {"vcs": str(vcs.pk)}), **chosen}
    return f"{reverse('admin:workspaces_workspace_from_repository')}?{urlencode(query)}"


def opened(admin: Client, where: str) -> Any:
    response = admin.get(where)
    assert response.status_code == 200
    return response


def titles(response: Any) -> list[str]:
    return [choice.title for choice in response.context["choices"]]


def sent(admin: Client, where: str, *chosen: str, **changes: Any) -> Any:
    """Choose folders on the last page and send it; other fields are as a admin has them."""
    fields = fields_of(opened(admin, where).content.decode(), "many")
    names = {f"name:{folder}": name for folder, name in changes.pop("names", {}).items()}
    return admin.post(where, {**fields, **names, **changes, "folder": list(chosen)})


def said(response: Any) -> list[str]:
    return [str(one) for one in response.context["messages"]]


# ---- the steps ------------------------------------------------------------------------------------------------------


def test_the_pages_lead_from_the_list_of_workspaces_to_new_ones(
    github: GitHub, repository: Repository, vcs: Vcs, admin: Client
) -> None:
    github.act.push(repository, "next", {"more/main.tf": ""}, by="mia")
    start = reverse("admin:workspaces_workspace_from_repository")
    assert start in opened(admin, reverse("admin:workspaces_workspace_changelist")).content.decode()
    page = opened(admin, start)
    assert titles(page) == ["ours"]

    page = opened(admin, page.context["choices"][0].address)
    assert titles(page) == ["acme/infra"]
    page = opened(admin, page.context["choices"][0].address)
    assert [(choice.title, choice.badge) for choice in page.context["choices"]] == [("main", "default"), ("next", "")]
    page = opened(admin, page.context["choices"][0].address)
    rows = page.context["rows"]
    assert [(row.folder, row.name, row.chosen) for row in rows] == [
        ("", "infra", False),
        ("envs/dev", "envs-dev", False),
        ("envs/prod", "envs-prod", False),
        ("legacy", "legacy", False),
    ]

    where = page.wsgi_request.get_full_path()
    # One of the repository that was there before is not among those that the page leads to.
    before = WorkspaceFactory.create(organization=vcs.organization, source=github.clone_url(repository), branch="next")
    response = sent(admin, where, "envs/dev", "envs/prod", iac_type="tofu", terraform_version="1.9.0")
    assert response.status_code == 302
    made = list(Workspace.objects.exclude(pk=before.pk).order_by("name"))
    assert [(one.name, one.folder, one.branch, one.iac_type, one.terraform_version) for one in made] == [
        ("envs-dev", "/envs/dev", "main", "tofu", "1.9.0"),
        ("envs-prod", "/envs/prod", "main", "tofu", "1.9.0"),
    ]
    assert {(one.source, one.vcs_id) for one in made} == {(github.clone_url(repository), vcs.pk)}
    listed = opened(admin, response["Location"])
    assert "2 workspaces were created." in said(listed)
    assert [row.name for row in listed.context["cl"].result_list] == ["envs-dev", "envs-prod"]


def test_the_page_of_a_connection_leads_to_its_repositories(vcs: Vcs, admin: Client) -> None:
    text = opened(admin, reverse("admin:workspaces_vcs_change", args=[vcs.pk])).content.decode()
    assert address(vcs) in text


def test_branches_and_folders_are_found_by_a_part_of_their_names(
    github: GitHub, repository: Repository, vcs: Vcs, admin: Client, folders: str
) -> None:
    github.act.push(repository, "feature/net", {"more/main.tf": ""}, by="mia")
    url = github.clone_url(repository)
    assert titles(opened(admin, address(vcs, repository=url, search="NET"))) == ["feature/net"]
    assert titles(opened(admin, address(vcs, repository=url, search="nothing"))) == []
    page = opened(admin, f"{folders}&search=ENVS")
    assert [row.folder for row in page.context["rows"]] == ["envs/dev", "envs/prod"]
    assert "No folder with a configuration" in opened(admin, f"{folders}&search=nothing").content.decode()
    page = opened(admin, address(vcs, repository=url, branch="feature/net"))
    assert [row.folder for row in page.context["rows"]] == ["", "envs/dev", "envs/prod", "legacy", "more"]


def test_all_are_chosen_at_once_without_scripts_but_those_that_have_a_workspace(
    github: GitHub, repository: Repository, vcs: Vcs, admin: Client, folders: str
) -> None:
    source = github.clone_url(repository).removesuffix(".git")
    has = WorkspaceFactory.create(
        organization=vcs.organization, name="envs-dev", source=source, branch="main", folder="envs/dev/"
    )
    assert f"{folders}&all=1".replace("&", "&amp;") in opened(admin, folders).content.decode()
    rows = opened(admin, f"{folders}&all=1").context["rows"]
    assert {row.folder for row in rows if row.chosen} == {"", "envs/prod", "legacy"}
    assert [(row.used_by, row.name) for row in rows if row.folder == "envs/dev"] == [(has, "infra-envs-dev")]


def test_repositories_are_searched_and_paged(api: FakeApi, admin: Client) -> None:
    row = {"full_name": "acme/network", "clone_url": f"{api.url}/acme/network.git", "private": True}
    api.answers |= {
        "GET /api/user": Told(data={"login": "ann"}),
        "GET /api/user/orgs": Told(data=[{"login": "acme"}]),
        "GET /api/orgs/acme/repos": Told(data=[row] * 50),
        "GET /api/search/repositories": Told(data={"items": [row]}),
    }
    vcs = connection(api, VcsType.GITHUB, access_token="glpat-1")
    page = opened(admin, address(vcs, group="acme"))
    assert (len(titles(page)), page.context["previous"]) == (50, "")
    opened(admin, page.context["following"])
    assert api.asked[-1].query["page"] == "2"
    page = opened(admin, address(vcs, group="acme", search="net", page="2"))
    assert titles(page) == ["acme/network"]
    assert "net in:name user:acme" in api.asked[-1].query["q"]
    assert page.context["following"] == ""
    assert "search=net" in page.context["previous"]


# ---- making them ----------------------------------------------------------------------------------------------------


def test_a_wrong_name_is_said_at_its_folder_and_nothing_is_lost(vcs: Vcs, admin: Client, folders: str) -> None:
    WorkspaceFactory.create(organization=vcs.organization, name="taken")
    names = {"": "infra", "envs/dev": "taken", "envs/prod": "a/b", "legacy": "mine"}
    response = sent(admin, folders, *FOLDERS[:3], names=names, terraform_version="1.9.0", iac_type="tofu")
    assert response.status_code == 200
    rows = {row.folder: row for row in response.context["rows"]}
    assert {folder: bool(row.error) for folder, row in rows.items()} == {
        "": False,
        "envs/dev": True,
        "envs/prod": True,
        "legacy": False,
    }
    assert "taken already exists" in rows["envs/dev"].error
    assert "cannot be part of a URL" in rows["envs/prod"].error
    assert {folder: row.name for folder, row in rows.items()} == names
    assert {folder for folder, row in rows.items() if row.chosen} == set(FOLDERS[:3])
    again = fields_of(response.content.decode(), "many")
    assert (again["terraform_version"], again["iac_type"]) == ("1.9.0", "tofu")
    assert Workspace.objects.count() == 1

    names["envs/dev"] = names["envs/prod"] = "twice"
    response = sent(admin, folders, *FOLDERS[:3], names=names)
    wrong = {row.folder for row in response.context["rows"] if "Several folders" in row.error}
    assert (wrong, Workspace.objects.count()) == ({"envs/dev", "envs/prod"}, 1)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no folder": ({"folder": []}, "Choose at least one folder."),
    "no name": ({"name:legacy": " "}, "Give the workspace a name."),
    "no version": ({"terraform_version": "newest"}, "is not a version"),
    "a webhook without a template": ({"listens": "pushes"}, "Choose the template"),
    "a comma": ({"folder": "a,b", "name:a,b": "a"}, "cannot contain a comma"),
    "out of the repository": ({"folder": "../x", "name:../x": "x"}, "contains &quot;..&quot;"),
}


@pytest.mark.parametrize(("changes", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_or_missing_is_said(api: FakeApi, admin: Client, changes: dict[str, Any], sentence: str) -> None:
    vcs = connection(api, VcsType.GITHUB, access_token="glpat-1")
    whole = {"folder": "legacy", "name:legacy": "legacy", "iac_type": "tofu", "terraform_version": "1.9.0"}
    response = admin.post(address(vcs, repository=f"{api.url}/acme/x", branch="main"), {**whole, **changes})
    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert not Workspace.objects.exists()
    assert api.asked == []


def test_webhooks_and_first_plans_come_with_them(
    vcs: Vcs, admin: Client, folders: str, django_capture_on_commit_callbacks: Committing
) -> None:
    template = TemplateFactory.create(organization=vcs.organization, name="Plan")
    project = Project.objects.create(organization=vcs.organization, name="live")
    more = {"listens": "pushes", "apply_by_comment": "on", "plan": "on"}
    sent(admin, folders, "envs/dev", "legacy", default_template=template.pk, project=project.pk, **more)
    made = Workspace.objects.order_by("name")
    assert [(one.name, one.project, one.default_template) for one in made] == [
        ("envs-dev", project, template),
        ("legacy", project, template),
    ]
    assert sorted(Job.objects.values_list("workspace__name", flat=True)) == ["envs-dev", "legacy"]
    for webhook in Webhook.objects.filter(workspace__in=made):
        assert webhook.migrated_v2
        events = {one.event: one for one in webhook.events.all()}
        assert events.keys() == {WebhookEventType.PULL_REQUEST, WebhookEventType.PUSH}
        pulls = events[WebhookEventType.PULL_REQUEST]
        assert (pulls.template, pulls.pr_workflow_enabled, pulls.pr_apply_enabled) == (template, True, True)
    assert Webhook.objects.count() == 2


@pytest.mark.parametrize("plan", [False, True])
def test_one_workspace_leads_to_its_first_plan_or_where_that_runs(
    vcs: Vcs, admin: Client, folders: str, plan: bool, django_capture_on_commit_callbacks: Committing
) -> None:
    TemplateFactory.create(organization=vcs.organization, name="Plan", tcl=PLAN)
    response = sent(admin, folders, "envs/dev", **({"plan": "on"} if plan else {}))
    workspace = Workspace.objects.get()
    page = opened(admin, response["Location"])
    assert page.context["workspace"] == workspace
    assert ("First plan of envs-dev" in page.content.decode()) is not plan
    assert workspace.jobs.count() == plan
    if plan:
        assert f"Job {workspace.jobs.get().pk}" in page.content.decode()


def test_workspaces_stay_where_a_first_plan_is_refused(vcs: Vcs, admin: Client, folders: str) -> None:
    response = sent(admin, folders, *FOLDERS, plan="on")
    assert Workspace.objects.count() == 4
    assert said(opened(admin, response["Location"])) == [
        "4 workspaces were created.",
        "No first plan: net has no template named Plan.",
    ]


def test_names_are_short_free_and_differ() -> None:
    long = "/".join(["environment"] * 8)
    names = proposed_names(["", "a/b", "a-b", "a b", "…", long, f"{long}/x"], "infra", {"infra"})
    assert len(set(names.values())) == len(names)
    assert "infra" not in names.values()
    assert all(0 < len(name) <= 64 for name in names.values())
    assert (names["a/b"], names["a-b"], names["a b"]) == ("a-b", "infra-a-b", "infra-a-b-2")


# ---- what the provider does not give ---------------------------------------------------------------------------------


def test_a_repository_without_a_commit_and_a_branch_without_a_configuration_are_said(
    github: GitHub, repository: Repository, vcs: Vcs, admin: Client
) -> None:
    github.new_repository(github.person("acme"), "empty")
    url = github.clone_url(repository)
    page = opened(admin, address(vcs, repository=url.replace("infra", "empty"))).content.decode()
    assert "has no branch yet. Push a first commit" in page
    github.act.push(repository, "docs", dict.fromkeys(set(FILES) - {"docs/index.md"}), by="mia")
    page = opened(admin, address(vcs, repository=url, branch="docs")).content.decode()
    assert "This branch has no .tf or .tofu file." in page
    assert "has no branch nowhere" in opened(admin, address(vcs, repository=url, branch="nowhere")).content.decode()


def test_a_connection_without_a_token_says_so_at_each_step(
    github: GitHub, repository: Repository, admin: Client
) -> None:
    vcs = connection_by_token(github, OrganizationFactory.create(), "mia", name="empty")
    Vcs.objects.filter(pk=vcs.pk).update(access_token="")
    url = github.clone_url(repository)
    for where in (address(vcs), address(vcs, repository=url), address(vcs, repository=url, branch="main")):
        assert "The connection “empty” has no token." in opened(admin, where).content.decode()


def test_what_the_provider_refuses_is_said(
    github: GitHub, repository: Repository, vcs: Vcs, admin: Client, folders: str
) -> None:
    github.faults.limit_rate(r"GET .*/installations", seconds=30)
    assert "accepts no more requests until" in opened(admin, address(vcs)).content.decode()
    github.faults.fail(r"/info/refs", status=429)
    assert "accepts no more requests of git" in opened(admin, folders).content.decode()
    github.faults.fail(r"/info/refs", status=403)
    assert "does not let git read" in opened(admin, folders).content.decode()
    github.faults.fail(r"/info/refs", status=500)
    assert "git cannot read" in opened(admin, folders).content.decode()


ELSEWHERE = {
    "another host": ("https://evil.example/acme/infra.git", "is not at 127.0.0.1"),
    "a local file": ("file:///etc/acme", "that git clones the repository from"),
    "by ssh": ("git@127.0.0.1:acme/infra.git", "that git clones the repository from"),
    "an option": ("--upload-pack=x", "cannot begin with"),
    "a password": ("https://ann:secret@127.0.0.1/acme/infra", "contains a password or token"),
}


@pytest.mark.parametrize(("source", "sentence"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_no_address_but_the_connections_own_gets_its_token(
    api: FakeApi, admin: Client, source: str, sentence: str
) -> None:
    vcs = connection(api, VcsType.GITHUB, access_token="glpat-1")
    page = opened(admin, address(vcs, repository=source, branch="main"))
    assert page.context["step"] == "repository"
    assert sentence in page.content.decode()
    assert "glpat-1" not in page.content.decode()


def test_no_connection_is_a_sentence_with_what_to_do(admin: Client) -> None:
    assert "Add a connection" in opened(admin, address()).content.decode()


def test_programs_are_told_branches_and_folders(github: GitHub, repository: Repository, vcs: Vcs) -> None:
    github.act.push(repository, "next", {"more/main.tf": ""}, by="mia")
    url = github.clone_url(repository)
    TeamFactory.create(organization=vcs.organization, name="CHOOSERS", manage_workspace=True)
    TeamFactory.create(organization=vcs.organization, name="READERS", plan_job=True)

    def told(what: str, group: str = "CHOOSERS", **query: str) -> tuple[int, Any]:
        api = Api(token_of(group, name="ann@example.com"), prefix="/")
        answer = api.call("GET", f"vcs/v1/{vcs.pk}/{what}?{urlencode(query)}")
        return answer.status_code, json.loads(answer.content)

    branches = [{"name": "main", "default": True}, {"name": "next", "default": False}]
    assert told("branches", repository=url) == (200, {"items": branches})
    folders = [{"folder": f"/{folder}"} for folder in FOLDERS]
    assert told("folders", repository=url, branch="main") == (200, {"items": folders})
    status, body = told("folders", repository=url, branch="nowhere")
    assert (status, "has no branch nowhere" in body["errors"][0]["detail"]) == (502, True)
    for query in (
        {},
        {"repository": "https://evil.example/a/b"},
        {"repository": url},
        {"repository": url, "branch": "-u"},
    ):
        assert told("folders", **query)[0] == 400
    status, body = told("branches", repository=url.replace("//", "//ann:s3cret@"))
    assert (status, "s3cret" in str(body)) == (400, False)
    assert told("folders", "READERS", repository=url, branch="main")[0] == 403
    assert told("branches", "STRANGERS", repository=url)[0] == 404
    Vcs.objects.filter(pk=vcs.pk).update(private_key="")
    assert told("branches", repository=url) == (422, {"items": []})


# ---- who may --------------------------------------------------------------------------------------------------------


def staff(organization: Organization, **rights: Any) -> tuple[User, Client]:
    user: User = member(TeamFactory.create(organization=organization, **rights))
    user.is_staff = True
    user.save()
    client = Client()
    client.force_login(user)
    return user, client


def test_who_may_not_create_workspaces_sees_none_of_it(vcs: Vcs, folders: str) -> None:
    _, reader = staff(vcs.organization, manage_vcs=True, plan_job=True)
    for where in (address(), address(vcs), folders):
        assert reader.get(where).status_code == 403
    assert reader.post(folders, {"folder": "legacy", "name:legacy": "legacy"}).status_code == 403
    start = reverse("admin:workspaces_workspace_from_repository")
    for page in ("workspace_changelist", "vcs_changelist"):
        assert start not in reader.get(reverse(f"admin:workspaces_{page}")).content.decode()
    assert start not in reader.get(reverse("admin:workspaces_vcs_change", args=[vcs.pk])).content.decode()


def test_who_creates_workspaces_elsewhere_sees_no_other_connection(vcs: Vcs, folders: str) -> None:
    elsewhere = OrganizationFactory.create()
    _, other = staff(elsewhere, manage_workspace=True)
    assert titles(other.get(address())) == []
    for where in (address(vcs), folders):
        assert other.get(where).status_code == 404
    sent_by_hand = {"folder": "legacy", "name:legacy": "legacy", "iac_type": "tofu", "terraform_version": "1.9.0"}
    assert other.post(folders, sent_by_hand).status_code == 404
    assert not Workspace.objects.exists()


def test_who_may_create_workspaces_makes_them_and_plans_if_that_is_allowed_too(vcs: Vcs, folders: str) -> None:
    user, writer = staff(vcs.organization, manage_workspace=True)
    assert "plan" not in writer.get(folders).context["form"].fields
    assert sent(writer, folders, "legacy").status_code == 302
    assert Workspace.objects.get().created_by == user.username
