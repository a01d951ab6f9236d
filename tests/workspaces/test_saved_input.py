"""Sources, names and versions that could only fail later are refused when they are saved, by every door alike."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.api.client import Api, token_of
from tests.factories import OrganizationFactory, TemplateFactory, UserFactory, VariableFactory, WorkspaceFactory
from tests.panel.forms import submit
from workspaces.errors import InvalidInput
from workspaces.flows import runtimes
from workspaces.models import Organization, Variable, Workspace
from workspaces.services.locks import lock_workspace
from workspaces.services.records import create_record, update_record
from workspaces.services.workspaces import create_workspace, delete_workspace, update_workspace
from workspaces.validation.names import check_environment_key, check_path_name, check_terraform_key, check_version
from workspaces.validation.repositories import check_branches, check_commit, check_folders, check_repository

pytestmark = pytest.mark.django_db

CREDENTIALS = "The URL contains a password or token"
NO_REF = "is not a valid branch, tag or full commit hash"
NO_URL = "This is not a URL of a git repository."
REFUSED: tuple[tuple[Callable[[str], None], str, str], ...] = (
    (check_repository, "ext::sh -c 'touch x'", '"ext::" runs a program'),
    (check_repository, "fd::17", '"fd::" runs a program'),
    (check_repository, "git::https://git.example/a.git", 'Leave out "git::"'),
    (check_repository, "file:///etc", '"file" is not allowed'),
    (check_repository, "http://git.example/a.git", '"http" is not allowed'),
    (check_repository, "git://git.example/a.git", '"git" is not allowed'),
    (check_repository, "s3::https://x/y", '"s3::" runs a program'),
    (check_repository, "/srv/repository", NO_URL),
    (check_repository, "C:", NO_URL),
    (check_repository, "terraform-aws-modules/vpc/aws", NO_URL),
    (check_repository, "--upload-pack=touch x", 'cannot begin with "-"'),
    (check_repository, "ssh://-oProxyCommand=touch/x", "needs a valid host name"),
    (check_repository, "-oProxyCommand=x:y", 'cannot begin with "-"'),
    (check_repository, "git@-oProxyCommand=x:y", NO_URL),
    (check_repository, "git@host:-x", 'path cannot begin with "-"'),
    (check_repository, "https://user:pass@git.example/a.git", CREDENTIALS),
    (check_repository, "https://ghp_0123456789012345678901234567890123456@git.example/a", CREDENTIALS),
    (check_repository, "ssh://git:pass@git.example/a.git", CREDENTIALS),
    (check_repository, "https://git.example/a.git//modules/net?ref=v1", "Path in the repository"),
    (check_repository, "https://git.example/a.git?ref=v1", "Path in the repository"),
    (check_repository, "git@git.example:a.git//net", "Path in the repository"),
    (check_repository, "https://", "needs a valid host name"),
    (check_repository, "https://[x/a", "not a valid URL"),
    (check_repository, "https://git.example:port/a", "not a valid URL"),
    (check_repository, "https://git.example/a\nb", "without spaces"),
    (check_repository, " https://git.example/a", "without spaces"),
    (check_branches, "a..b", NO_REF),
    (check_branches, "--upload-pack=x", 'begins with "-"'),
    (check_branches, "main,-x", 'begins with "-"'),
    (check_branches, "a b", NO_REF),
    (check_branches, "a~1", NO_REF),
    (check_branches, "HEAD^", NO_REF),
    (check_branches, "a:b", NO_REF),
    (check_branches, "a/.b", NO_REF),
    (check_branches, "a//b", NO_REF),
    (check_branches, "/a", NO_REF),
    (check_branches, "a/", NO_REF),
    (check_branches, "a.lock", NO_REF),
    (check_branches, "a.", NO_REF),
    (check_branches, "@", NO_REF),
    (check_branches, "a@{1}", NO_REF),
    (check_branches, "a\\b", NO_REF),
    (check_branches, "main,,", "Enter a branch"),
    (check_commit, "abc1234", "full commit hash"),
    (check_folders, "a/../../b", '"a/../../b" contains ".."'),
    (check_folders, "..", '".." contains ".."'),
    (check_folders, "envs,../x", '"../x" contains ".."'),
    (check_folders, "a\\b", "not a path in a repository"),
    (check_version, "abc", '"abc" is not a version or a range'),
    (check_version, "1.2.3.4.5", "is not a version or a range"),
    (check_path_name, "../x", '"../x" cannot be part of a URL'),
    (check_path_name, "<script>", "cannot be part of a URL"),
    (check_path_name, "a b", "cannot be part of a URL"),
    (check_path_name, "a/b", "cannot be part of a URL"),
    (check_path_name, ".hidden", "cannot be part of a URL"),
    (check_path_name, "-x", "cannot be part of a URL"),
    (check_environment_key, "BAD KEY", '"BAD KEY" is not a valid name of an environment variable'),
    (check_environment_key, "A=B", "is not a valid name of an environment variable"),
    (check_environment_key, "1A", "is not a valid name of an environment variable"),
    (check_terraform_key, "a.b", '"a.b" is not a valid name of a Terraform variable'),
    (check_terraform_key, "1a", "is not a valid name of a Terraform variable"),
    (check_terraform_key, "a b", "is not a valid name of a Terraform variable"),
)
TAKEN: tuple[tuple[Callable[[str], None], str], ...] = (
    (check_repository, "empty"),
    (check_repository, "https://git.example/group/sub/a.git"),
    (check_repository, "https://git.example:8443/a"),
    (check_repository, "https://team@dev.azure.example/team/project/_git/a"),
    (check_repository, "https://git.example/with%20blank/a"),
    (check_repository, "ssh://git@git.example:2222/a.git"),
    (check_repository, "ssh://git@[::1]/a.git"),
    (check_repository, "git@git.example:group/a.git"),
    (check_repository, "git.example:a"),
    (check_branches, "main"),
    (check_branches, "remote-content"),
    (check_branches, "feature/x-1.2"),
    (check_branches, "v1.0.0, main"),
    (check_branches, "straße"),
    (check_branches, "a" * 40),
    (check_branches, "refs/heads/main"),
    (check_commit, "0123456789abcdef" * 4),
    (check_folders, "/"),
    (check_folders, "/envs/prod"),
    (check_folders, "envs/prod,modules"),
    (check_folders, "a..b/c"),
    (check_version, "1.11.4"),
    (check_version, "~> 1.5"),
    (check_version, ">=1.3 <1.6"),
    (check_version, "1.x || 2.x"),
    (check_version, "latest"),
    (check_path_name, "prod_DEL_0a1b"),
    (check_path_name, "Größe-1.2_x"),
    (check_environment_key, "TF_VAR_my-name"),
    (check_environment_key, "_x.y"),
    (check_terraform_key, "größe-1"),
    (check_terraform_key, "_x"),
)


@pytest.mark.parametrize(("check", "text", "sentence"), REFUSED, ids=[repr(text) for _, text, _ in REFUSED])
def test_a_text_that_could_only_fail_later_is_refused(
    check: Callable[[str], None], text: str, sentence: str, settings: Settings
) -> None:
    settings.SOURCE_SCHEMES = ("https", "ssh")
    with pytest.raises(ValidationError) as caught:
        check(text)
    (message,) = caught.value.messages
    assert sentence in message
    assert "pass" not in message.replace("password", "")
    assert "ghp_" not in message


@pytest.mark.parametrize(("check", "text"), TAKEN, ids=[repr(text) for _, text in TAKEN])
def test_what_is_ordinary_is_taken(check: Callable[[str], None], text: str, settings: Settings) -> None:
    settings.SOURCE_SCHEMES = ("https", "ssh")
    check(text)


@pytest.mark.parametrize("url", ["http://git.example/a.git", "file:///srv/git/a.git"])
def test_the_installation_may_allow_more_schemes(url: str, settings: Settings) -> None:
    settings.SOURCE_SCHEMES = ("https", "ssh", "http", "file")
    check_repository(url)


# ---- the doors ------------------------------------------------------------------------------------------------------

FIELDS = {
    "source": ("source", "ext::sh -c x", '"ext::" runs a program'),
    "branch": ("branch", "a..b", '"a..b" is not a valid branch'),
    "folder": ("folder", "a/../../b", '"a/../../b" contains ".."'),
    "terraform_version": ("terraformVersion", "abc", '"abc" is not a version or a range of versions.'),
    "name": ("name", "<script>", '"<script>" cannot be part of a URL.'),
}


def browser() -> Client:
    client = Client()
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True, email="root@site.example"))
    return client


def api() -> Api:
    return Api(token_of("TERRAKUBE_ADMIN"))


def said_by(response: Any) -> str:
    assert response.status_code == 400, response.content
    return html.unescape(str(json.loads(response.content)["errors"][0]["detail"]))


def by_form(workspace: Workspace, field: str, text: str) -> str:
    tab = "source" if field in {"source", "branch", "folder"} else "settings"
    page = reverse(f"admin:workspaces_workspace_{tab}", args=[workspace.pk])
    response = submit(browser(), page, "workspace_form", {field: text})
    assert response.status_code == 200, "it was saved"
    return " ".join(response.context["adminform"].form.errors[field])


def by_rest(workspace: Workspace, field: str, text: str) -> str:
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}"
    return said_by(api().patch(path, "workspace", {FIELDS[field][0]: text}))


def by_a_new_one(workspace: Workspace, field: str, text: str) -> str:
    given = {"name": "new", "source": "empty", "branch": "main", "folder": "/", "terraformVersion": "1.11.4"}
    path = f"organization/{workspace.organization_id}/workspace"
    return said_by(api().post(path, "workspace", given | {FIELDS[field][0]: text}))


def by_operations(workspace: Workspace, field: str, text: str) -> str:
    href = f"organization/{workspace.organization_id}/workspace/{workspace.pk}"
    data = {"type": "workspace", "id": str(workspace.pk), "attributes": {FIELDS[field][0]: text}}
    return said_by(
        api().call("POST", "operations", {"atomic:operations": [{"op": "update", "href": href, "data": data}]})
    )


def by_service(workspace: Workspace, field: str, text: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        update_workspace(workspace, {field: text}, by=None)
    return caught.value.fields[field]


DOORS = (by_form, by_rest, by_a_new_one, by_operations, by_service)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("door", DOORS)
def test_every_door_refuses_a_workspaces_text_with_the_same_words(
    door: Callable[[Workspace, str, str], str], field: str
) -> None:
    workspace = WorkspaceFactory.create()
    _, text, sentence = FIELDS[field]
    before = getattr(workspace, field)
    assert sentence in door(workspace, field, text)
    assert getattr(Workspace.objects.get(pk=workspace.pk), field) == before


KEYS = {
    "ENV": ("BAD KEY", '"BAD KEY" is not a valid name of an environment variable.'),
    "TERRAFORM": ("a.b", '"a.b" is not a valid name'),
}


def key_in_a_row(workspace: Workspace, key: str, category: str) -> str:
    page = reverse("admin:workspaces_workspace_variables", args=[workspace.pk])
    row = {"variables-TOTAL_FORMS": "1", "variables-0-key": key, "variables-0-category": category}
    response = submit(browser(), page, "workspace_form", row | {"variables-0-value": "x"})
    assert response.status_code == 200, "it was saved"
    return html.unescape(response.content.decode())


def key_by_rest(workspace: Workspace, key: str, category: str) -> str:
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}/variable"
    given = {"key": key, "value": "x", "category": category, "sensitive": False, "hcl": False}
    return said_by(api().post(path, "variable", given))


def key_by_operations(workspace: Workspace, key: str, category: str) -> str:
    given = {"key": key, "value": "x", "category": category, "sensitive": False, "hcl": False}
    href = f"organization/{workspace.organization_id}/workspace/{workspace.pk}/variable"
    operation = {"op": "add", "href": href, "data": {"type": "variable", "attributes": given}}
    return said_by(api().call("POST", "operations", {"atomic:operations": [operation]}))


def key_of_the_organization(workspace: Workspace, key: str, category: str) -> str:
    given = {"key": key, "value": "x", "category": category, "sensitive": False, "hcl": False}
    return said_by(api().post(f"organization/{workspace.organization_id}/globalvar", "globalvar", given))


def key_by_service(workspace: Workspace, key: str, category: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        create_record(Variable(workspace=workspace, key=key, value="x", category=category), by=None)
    return caught.value.fields["key"]


@pytest.mark.parametrize("category", KEYS)
@pytest.mark.parametrize(
    "door", [key_in_a_row, key_by_rest, key_by_operations, key_of_the_organization, key_by_service]
)
def test_every_door_refuses_the_name_of_a_variable_with_the_same_words(
    door: Callable[[Workspace, str, str], str], category: str
) -> None:
    key, sentence = KEYS[category]
    assert sentence in door(WorkspaceFactory.create(), key, category)
    assert not Variable.objects.exists()


def test_an_organizations_name_is_one_that_a_path_can_hold() -> None:
    assert '"a b" cannot be part of a URL.' in said_by(api().post("organization", "organization", {"name": "a b"}))


def test_a_jobs_branch_and_commit_are_checked() -> None:
    workspace = WorkspaceFactory.create()
    path = f"organization/{workspace.organization_id}/job"
    to = {"workspace": ("workspace", workspace.pk)}
    for given, sentence in (
        ({"overrideBranch": "a..b"}, '"a..b" is not a valid branch, tag'),
        ({"commitId": "abc"}, '"abc" is not a full commit hash'),
    ):
        assert sentence in said_by(api().post(path, "job", {"tcl": FLOW} | given, to))


FLOW = base64.b64encode(b"flow:\n- type: terraformPlan\n  name: Plan\n  step: 100\n").decode()


# ---- what is stored already -----------------------------------------------------------------------------------------


def odd_workspace() -> Workspace:
    """A workspace as it could be saved before these checks were there."""
    workspace: Workspace = WorkspaceFactory.create()
    odd = {
        "source": "ext::sh",
        "branch": "a..b",
        "folder": "../x",
        "terraform_version": "abc",
        "name": "<script>",
    }
    Workspace.objects.filter(pk=workspace.pk).update(**odd)
    return Workspace.objects.get(pk=workspace.pk)


def test_what_is_stored_keeps_working(settings: Settings) -> None:
    settings.SOURCE_SCHEMES = ("https", "ssh")
    workspace = odd_workspace()
    update_workspace(workspace, {"description": "still here"}, by=None)
    lock_workspace(workspace, by=None)
    for tab, typed in (("settings", {"description": "from the page"}), ("source", {})):
        page = reverse(f"admin:workspaces_workspace_{tab}", args=[workspace.pk])
        assert submit(browser(), page, "workspace_form", typed).status_code == 302
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}"
    # A client that sends all attributes sends the odd ones as they are.
    assert api().patch(path, "workspace", {"branch": "a..b", "description": "by REST"}).status_code == 204
    with pytest.raises(InvalidInput, match=NO_REF):
        update_workspace(workspace, {"branch": "b..a"}, by=None)
    delete_workspace(Workspace.objects.get(pk=workspace.pk), by=None)
    assert Workspace.objects.get(pk=workspace.pk).name.startswith("<script>_DEL_")


def test_a_stored_variable_keeps_its_name() -> None:
    variable = VariableFactory.create(key="GOOD", category="ENV")
    Variable.objects.filter(pk=variable.pk).update(key="BAD KEY")
    variable = Variable.objects.get(pk=variable.pk)
    update_record(variable, {"value": "new"}, by=None)
    with pytest.raises(InvalidInput, match="not a valid name of a Terraform variable"):
        update_record(variable, {"category": "TERRAFORM"}, by=None)


def test_the_command_lists_what_would_be_refused_today(settings: Settings) -> None:
    settings.SOURCE_SCHEMES = ("https", "ssh")
    out = io.StringIO()
    WorkspaceFactory.create()
    call_command("list_refused_input", stdout=out)
    assert out.getvalue() == "All that is stored could be saved today.\n"
    workspace = odd_workspace()
    variable = VariableFactory.create(workspace=workspace, key="GOOD", category="ENV", value="hidden-value")
    Variable.objects.filter(pk=variable.pk).update(key="BAD KEY")
    Organization.objects.filter(pk=OrganizationFactory.create().pk).update(name="a b")
    out = io.StringIO()
    call_command("list_refused_input", stdout=out)
    place = f"{workspace.organization}/<script>"
    lines = out.getvalue().splitlines()
    assert len(lines) == 7
    assert lines[0].startswith('a b: name: "a b" cannot be part of a URL.')
    for sentence in ('"ext::" runs', '"a..b" is not', '"../x" contains', '"abc" is not', '"<script>" cannot'):
        assert sum(sentence in line for line in lines[1:6]) == 1, lines
    assert all(line.startswith(f"{place}: ") for line in lines[1:6])
    assert lines[6].startswith(f'{place}, variable BAD KEY: key: "BAD KEY" is not a valid name')
    assert "hidden-value" not in out.getvalue()


def test_create_workspace_takes_what_is_ordinary() -> None:
    organization = OrganizationFactory.create()
    create_workspace(
        organization, by=None, name="prod", source="git@git.example:a.git", branch="main", terraform_version="1.11.4"
    )


# ---- runtimes of scripts --------------------------------------------------------------------------------------------

GROOVY = """flow:
- type: customScripts
  name: Tell
  step: 100
  commands:
  - runtime: GROOVY
    priority: 1
    after: true
    script: println "done"
"""


def test_a_groovy_script_is_refused_where_our_image_would_have_to_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "_has_groovy", lambda: False)
    organization = OrganizationFactory.create()
    workspace = WorkspaceFactory.create(organization=organization)
    sentence = "Step 100: only Terrakube's executor image runs GROOVY scripts"
    tcl = base64.b64encode(GROOVY.encode()).decode()
    path = f"organization/{organization.pk}"
    given = {"name": "Groovy", "tcl": tcl}
    to = {"workspace": ("workspace", workspace.pk)}
    assert sentence in said_by(api().post(f"{path}/template", "template", given))
    assert sentence in said_by(api().post(f"{path}/job", "job", {"tcl": tcl}, to))

    stored = TemplateFactory.create(organization=organization, tcl=GROOVY)
    assert api().patch(f"{path}/template/{stored.pk}", "template", {"description": "kept"}).status_code == 204
    monkeypatch.setattr(runtimes, "_has_groovy", lambda: True)
    api().made(f"{path}/template", "template", given)
