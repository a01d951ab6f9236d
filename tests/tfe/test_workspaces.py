"""Workspaces as terraform, tofu, go-tfe and the tfe provider list, create, change and delete them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.api.client import Api, detail, token_of
from tests.factories import OrganizationFactory, VariableFactory, WorkspaceFactory
from tests.tfe.routes import BASES
from workspaces.actors import TokenUser
from workspaces.choices import JobStatus, StepType
from workspaces.models import Access, Job, Organization, Project, Ssh, StateVersion, Step, Tag, Workspace, WorkspaceTag
from workspaces.permissions import rights, rights_on_each
from workspaces.services.remote_state import consumer_ids, may_consume

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(organization: Organization) -> Api:
    return Api(token_of("OWNERS"), prefix=f"/{BASES[1]}")


@pytest.fixture
def reader(organization: Organization) -> Api:
    return Api(token_of("READERS"), prefix=f"/{BASES[1]}")


@pytest.fixture
def path(organization: Organization) -> str:
    return f"organizations/{organization.name}/workspaces"


def names(api: Api, path: str, **query: str) -> list[str]:
    text = "&".join(f"{quote(name)}={quote(value)}" for name, value in ({"sort": "name"} | query).items())
    return [one["attributes"]["name"] for one in api.read(f"{path}?{text}")["data"]]


def test_a_workspace_of_a_terminal_takes_an_uploaded_configuration(api: Api, path: str) -> None:
    body = {"data": {"type": "workspaces", "attributes": {"name": "app"}}}
    response = api.call("POST", path, body, **{"User-Agent": "OpenTofu/1.9.0", "Terraform-Version": "1.9.0"})
    assert response.status_code == 201
    made = json.loads(response.content)["data"]
    stored = Workspace.objects.get(pk=made["id"])
    assert (stored.source, stored.branch, stored.iac_type) == ("empty", "remote-content", "tofu")
    assert made["attributes"]["terraform-version"] == "1.9.0"
    assert made["attributes"]["vcs-repo"] is None
    assert made["attributes"]["working-directory"] == ""
    assert made["attributes"]["created-at"].endswith("Z")
    assert api.read(f"{path}/app")["data"] == api.read(f"workspaces/{stored.pk}")["data"] == made
    assert api.read(path)["data"] == [made]


def test_without_a_version_the_latest_is_taken(api: Api, path: str) -> None:
    made = api.made(path, "workspaces", {"name": "app"})
    assert made["attributes"]["terraform-version"] == "latest"
    assert Workspace.objects.get(name="app").iac_type == "terraform"


def test_settings_are_stored_and_shown(api: Api, path: str) -> None:
    sent = {
        "name": "app", "description": "qux", "operations": False, "terraform-version": "0.11.0",
        "working-directory": "bar/", "global-remote-state": False, "speculative-enabled": False,
        "auto-apply": True,
    }  # fmt: skip
    shown = api.made(path, "workspaces", sent)["attributes"]
    assert {name: shown[name] for name in sent} == sent | {"speculative-enabled": True}
    assert shown["execution-mode"] == "local"
    assert shown["setting-overwrites"] == {"execution-mode": True, "agent-pool": False}

    changes = {"name": "app2", "setting-overwrites": {"execution-mode": False}, "working-directory": "/"}
    response = api.patch(f"{path}/app", "workspaces", changes)
    assert response.status_code == 200, response.content
    shown = json.loads(response.content)["data"]["attributes"]
    assert (shown["name"], shown["execution-mode"], shown["working-directory"]) == ("app2", "remote", "")
    assert shown["description"] == "qux"


@pytest.mark.parametrize(
    "attributes",
    [
        {"name": "core"},
        {"name": "a b"},
        {"name": ""},
        {"name": "x", "terraform-version": "nonexisting"},
        {"name": "x", "execution-mode": "agent"},
        {"name": "x", "auto-destroy-at": "2025-01-01T00:00:00Z"},
        {"name": "x", "assessments-enabled": True},
        {"name": "x", "vcs-repo": {"identifier": "a/b"}},
        {"name": "x", "trigger-prefixes": ["/a"]},
        {"name": "x", "project-remote-state": True},
        {"name": 1},
    ],
)
def test_what_cannot_be_stored_is_refused(
    api: Api, path: str, workspace: Workspace, attributes: dict[str, Any]
) -> None:
    response = api.post(path, "workspaces", attributes)
    assert response.status_code == 422, response.content
    assert Workspace.objects.count() == 1


def test_a_workspace_that_is_not_seen_and_not_allowed_is_403_on_creation(reader: Api, path: str) -> None:
    assert reader.get(f"{path}/app").status_code == 404
    response = reader.post(path, "workspaces", {"name": "app"})
    assert response.status_code == 403
    assert "create" in detail(response)


def test_a_repository_keeps_a_terminal_from_applying(api: Api, path: str, workspace: Workspace) -> None:
    shown = api.read(f"{path}/core")["data"]["attributes"]
    assert shown["vcs-repo"]["identifier"] == "net"
    assert shown["vcs-repo"]["branch"] == "main"

    workspace.allow_remote_apply = True
    workspace.save()
    assert api.read(f"{path}/core")["data"]["attributes"]["vcs-repo"] is None

    response = api.patch(f"{path}/core", "workspaces", {"vcs-repo": None})
    assert response.status_code == 200
    workspace.refresh_from_db()
    assert (workspace.source, workspace.uploaded_source) == ("empty", True)


@pytest.mark.parametrize(("stored", "shown"), [("1.11.4", "1.11.4"), ("v1.2.3", "1.2.3"), ("~1.5", "latest")])
def test_a_range_of_versions_shows_as_the_latest(
    api: Api, path: str, workspace: Workspace, stored: str, shown: str
) -> None:
    Workspace.objects.update(terraform_version=stored)
    assert api.read(f"{path}/core")["data"]["attributes"]["terraform-version"] == shown


def test_permissions_tell_what_the_services_allow(api: Api, reader: Api, path: str, workspace: Workspace) -> None:
    assert all(given for name, given in permissions(api, path).items() if name != "can-manage-run-tasks"), permissions(
        api, path
    )
    given = permissions(reader, path)
    assert {name for name, has in given.items() if has} == {
        "can-read-settings", "can-read-variable"
    }  # fmt: skip
    assert given["can-force-delete"] is False


def permissions(api: Api, path: str) -> dict[str, bool]:
    found: dict[str, bool] = api.read(f"{path}/core")["data"]["attributes"]["permissions"]
    return found


def test_rights_on_many_workspaces_are_those_on_each(organization: Organization) -> None:
    rows = [WorkspaceFactory.create(organization=organization, name=f"w{number}") for number in range(3)]
    Access.objects.create(workspace=rows[0], name="GROUP", role="write")
    Access.objects.create(workspace=rows[1], name="GROUP", manage_state=True)
    for group in ("GROUP", "OWNERS", "READERS", "NOBODY", "TERRAKUBE_ADMIN"):
        actor = TokenUser(name="a", groups=frozenset({group}))
        assert rights_on_each(actor, rows) == {row.pk: rights(actor, organization, row) for row in rows}


def test_a_page_costs_a_fixed_number_of_queries(api: Api, path: str, organization: Organization) -> None:
    included = ("organization", "project", "current_run", "current_run.plan", "current_state_version")

    def queries(size: int) -> int:
        asked = f"{path}?page%5Bsize%5D={size}&include={','.join(included)}"
        with CaptureQueriesContext(connection) as found:
            assert len(api.read(asked)["data"]) == size
        return len(found)

    tag = Tag.objects.create(organization=organization, name="t")
    for number in range(40):
        row = WorkspaceFactory.create(organization=organization, name=f"w{number:02}")
        WorkspaceTag.objects.create(workspace=row, tag=tag)
        job = Job.objects.create(organization=organization, workspace=row, status=JobStatus.COMPLETED)
        Step.objects.create(job=job, step_number=1, name="a", type=StepType.PLAN, status=JobStatus.COMPLETED)
        StateVersion.objects.create(workspace=row, number=1, content=b"{}")
        VariableFactory.create(workspace=row)
    queries(1)
    assert queries(2) == queries(40)


def test_lists_are_filtered(api: Api, path: str, organization: Organization) -> None:
    given = {"net-prod": {"net": "", "team": "a"}, "net-dev": {"net": ""}, "app": {"team": "b"}}
    for name, tags in given.items():
        row = WorkspaceFactory.create(organization=organization, name=name)
        for key, value in tags.items():
            tag, _new = Tag.objects.get_or_create(organization=organization, name=key)
            WorkspaceTag.objects.create(workspace=row, tag=tag, value=value)
    everything = ["app", "net-dev", "net-prod"]
    assert names(api, path) == everything
    assert names(api, path, sort="-name") == everything[::-1]
    assert names(api, path, sort="") == list(given)
    assert names(api, path, **{"search[name]": "ET-"}) == ["net-dev", "net-prod"]
    assert names(api, path, **{"search[wildcard-name]": "*-prod"}) == ["net-prod"]
    assert names(api, path, **{"search[wildcard-name]": "net*"}) == ["net-dev", "net-prod"]
    assert names(api, path, **{"search[wildcard-name]": "*pro*"}) == ["net-prod"]
    assert names(api, path, **{"search[wildcard-name]": "pro"}) == []
    assert names(api, path, **{"search[tags]": "net,team"}) == ["net-prod"]
    assert names(api, path, **{"search[exclude-tags]": "net,none"}) == ["app"]
    assert names(api, path, **{"filter[tagged][0][key]": "team"}) == ["app", "net-prod"]
    assert names(api, path, **{"filter[tagged][0][key]": "team", "filter[tagged][0][value]": "b"}) == ["app"]
    assert names(api, path, **{"search[name]": "none", "include": "nonsense"}) == []
    assert api.get(f"{path}?search%5Btags%5D={','.join(map(str, range(60)))}").status_code == 422


def test_only_visible_workspaces_are_listed(path: str, organization: Organization) -> None:
    rows = [WorkspaceFactory.create(organization=organization, name=name) for name in ("seen", "unseen")]
    Access.objects.create(workspace=rows[0], name="GROUP", role="read")
    assert names(Api(token_of("GROUP"), prefix=f"/{BASES[1]}"), path) == ["seen"]


def test_the_current_run_is_the_newest_that_does_not_only_plan(api: Api, path: str, workspace: Workspace) -> None:
    def job(**fields: Any) -> Job:
        return Job.objects.create(organization=workspace.organization, workspace=workspace, **fields)

    assert current_run(api, path) is None
    first = job(status=JobStatus.COMPLETED)
    job(plan_only=True)
    assert current_run(api, path) == f"run-{first.pk}"
    assert names(api, path, **{"filter[current-run][status]": "planned_and_finished"}) == ["core"]
    assert names(api, path, **{"filter[current-run][status]": "applied"}) == []
    assert names(api, path, **{"filter[current-run][status]": "nonsense"}) == []
    assert names(api, path, sort="-current-run.created-at") == ["core"]
    saved = job(status=JobStatus.WAITING_APPROVAL, save_plan=True)
    assert current_run(api, path) == f"run-{saved.pk}"
    assert names(api, path, **{"filter[current-run][status]": "planned_and_saved"}) == ["core"]
    assert names(api, path, **{"filter[current-run][status]": "planned"}) == []
    queued = job(status=JobStatus.QUEUE, started_at=timezone.now())
    for status in ("plan_queued", "planning"):
        assert names(api, path, **{"filter[current-run][status]": status}) == ["core"]
    Step.objects.create(
        job=queued, step_number=100, type=StepType.PLAN, status=JobStatus.RUNNING, started_at=timezone.now()
    )
    assert names(api, path, **{"filter[current-run][status]": "plan_queued"}) == []
    assert names(api, path, **{"filter[current-run][status]": "planning"}) == ["core"]
    held = job(holds_workspace=True, status=JobStatus.RUNNING)
    job()
    assert current_run(api, path) == f"run-{held.pk}"


def current_run(api: Api, path: str) -> str | None:
    data = api.read(f"{path}/core")["data"]["relationships"]["current-run"]["data"]
    return None if data is None else str(data["id"])


def test_the_organization_is_included_once(api: Api, path: str, organization: Organization) -> None:
    for name in ("a", "b"):
        WorkspaceFactory.create(organization=organization, name=name)
    (included,) = api.read(f"{path}?include=organization")["included"]
    assert (included["type"], included["id"]) == ("organizations", organization.name)


def test_a_deleted_workspace_is_gone_and_its_name_free(api: Api, path: str, workspace: Workspace) -> None:
    assert api.delete(f"workspaces/{workspace.pk}").status_code == 204
    assert api.get(f"{path}/core").status_code == 404
    assert api.get(f"workspaces/{workspace.pk}").status_code == 404
    assert api.post(path, "workspaces", {"name": "core"}).status_code == 201


def test_a_workspace_without_resources_is_deleted_safely(api: Api, path: str, workspace: Workspace) -> None:
    content = json.dumps({"serial": 1, "lineage": "l", "resources": [{"mode": "data", "instances": [{}]}]})
    StateVersion.objects.create(workspace=workspace, number=1, content=content.encode())
    assert api.call("POST", f"{path}/core/actions/safe-delete").status_code == 204
    assert api.get(f"{path}/core").status_code == 404


def test_a_workspace_in_use_is_not_deleted_safely(api: Api, path: str, workspace: Workspace) -> None:
    def refused() -> str:
        response = api.call("POST", f"workspaces/{workspace.pk}/actions/safe-delete")
        assert response.status_code == 409
        return detail(response)

    content = json.dumps({"resources": [{"mode": "managed", "instances": [{}, {}]}]})
    StateVersion.objects.create(workspace=workspace, number=1, content=content.encode())
    assert "2 resources" in refused()
    StateVersion.objects.create(workspace=workspace, number=2, content=b'{"encrypted_data": "x"}')
    assert "cannot be read" in refused()
    Job.objects.create(organization=workspace.organization, workspace=workspace)
    assert "being processed" in refused()
    Workspace.objects.update(locked=True)
    assert "locked" in refused()


def test_an_ssh_key_is_given_and_taken(api: Api, workspace: Workspace) -> None:
    key = Ssh.objects.create(organization=workspace.organization, name="k", private_key="x")
    foreign = Ssh.objects.create(organization=OrganizationFactory.create(name="other"), name="k", private_key="x")
    address = f"workspaces/{workspace.pk}/relationships/ssh-key"

    def sent(attributes: Any) -> Any:
        response = api.call("PATCH", address, {"data": {"type": "workspaces", "attributes": attributes}})
        assert response.status_code == 200, response.content
        return json.loads(response.content)["data"]["relationships"]["ssh-key"]["data"]

    assert sent({"id": str(key.pk)}) == {"type": "ssh-keys", "id": str(key.pk)}
    assert sent({"id": None}) is None
    body = {"data": {"type": "workspaces", "attributes": {"id": str(foreign.pk)}}}
    assert api.call("PATCH", address, body).status_code == 404


@pytest.fixture
def rows(organization: Organization) -> list[Workspace]:
    return [WorkspaceFactory.create(organization=organization, name=f"w{number}") for number in range(3)]


def consumers(api: Api, method: str, workspace: Workspace, *others: Workspace) -> int:
    body = {"data": [{"type": "workspaces", "id": str(other.pk)} for other in others]}
    address = f"workspaces/{workspace.pk}/relationships/remote-state-consumers"
    return api.call(method, address, body).status_code


def test_a_state_is_shared_with_workspaces_by_name(api: Api, rows: list[Workspace]) -> None:
    source, one, two = rows
    source.global_remote_state = False
    source.save()
    assert consumers(api, "POST", source, one) == 204
    assert consumers(api, "POST", source, two, one) == 204
    source.refresh_from_db()
    assert consumer_ids(source) == [one.pk, two.pk]
    assert names(api, f"workspaces/{source.pk}/relationships/remote-state-consumers") == ["w1", "w2"]
    assert (may_consume(one, source), may_consume(source, one), may_consume(source, source)) == (True, True, True)

    assert consumers(api, "DELETE", source, one) == 204
    assert consumers(api, "PATCH", source, one) == 204
    source.refresh_from_db()
    assert (may_consume(one, source), may_consume(two, source)) == (True, False)

    api.delete(f"workspaces/{one.pk}")
    source.refresh_from_db()
    assert source.shared_ids is None


def test_a_state_is_shared_with_no_other_organization(rows: list[Workspace]) -> None:
    foreign = WorkspaceFactory.create(organization=OrganizationFactory.create(name="other"), name="x")
    admin = Api(token_of("TERRAKUBE_ADMIN"), prefix=f"/{BASES[1]}")
    assert consumers(admin, "POST", rows[0], foreign) == 422
    assert may_consume(foreign, rows[0]) is False
    rest = Api(token_of("TERRAKUBE_ADMIN"))
    address = f"organization/{rows[0].organization_id}/workspace/{rows[0].pk}"
    for text, status in ((str(foreign.pk), 400), ("nonsense", 400), (f"{rows[1].pk}, {rows[2].pk}", 204)):
        assert rest.patch(address, "workspace", {"sharedIds": text}).status_code == status
    rows[0].refresh_from_db()
    assert rows[0].shared_ids == f"{rows[1].pk},{rows[2].pk}"


def test_a_workspace_is_made_in_a_project_and_moved(api: Api, path: str, organization: Organization) -> None:
    project = Project.objects.create(organization=organization, name="p")
    foreign = Project.objects.create(organization=OrganizationFactory.create(name="other"), name="p")

    def sent(method: str, address: str, key: object, **attributes: str) -> Any:
        related = {"project": {"data": {"type": "projects", "id": str(key)}}}
        body = {"data": {"type": "workspaces", "attributes": attributes, "relationships": related}}
        response = api.call(method, address, body)
        found = json.loads(response.content)
        return found["data"]["relationships"]["project"]["data"]["id"] if "data" in found else response.status_code

    default = api.made(path, "workspaces", {"name": "a"})["relationships"]["project"]["data"]["id"]
    assert sent("POST", path, project.pk, name="b") == str(project.pk)
    assert sent("POST", path, foreign.pk, name="c") == 422
    assert names(api, path, **{"filter[project][id]": str(project.pk)}) == ["b"]
    assert names(api, path, **{"filter[project][id]": default}) == ["a"]
    assert names(api, path, **{"filter[project][id]": "nonexisting"}) == []
    assert sent("PATCH", f"{path}/b", default) == default
    assert {one["id"] for one in api.read(f"{path}?include=project")["included"]} == {default}
    assert sent("PATCH", f"{path}/a", project.pk) == str(project.pk)
    assert {one["id"] for one in api.read(f"{path}?include=project")["included"]} == {default, str(project.pk)}


STATE = {
    "version": 4, "serial": 1, "lineage": "l",
    "outputs": {
        "secret": {"value": "hidden", "type": "string", "sensitive": True},
        "url": {"value": ["a"], "type": ["list", "string"]},
    },
    "resources": [{"mode": "managed", "instances": [{}, {}]}, {"mode": "data", "instances": [{}]}],
}  # fmt: skip


def test_a_workspace_tells_what_its_state_has(api: Api, reader: Api, path: str, workspace: Workspace) -> None:
    version = StateVersion.objects.create(workspace=workspace, number=1, content=json.dumps(STATE).encode())
    found = api.read(f"{path}/core?include=outputs,current_state_version")
    assert found["data"]["attributes"]["resource-count"] == 2
    assert found["data"]["relationships"]["current-state-version"]["data"]["id"] == str(version.pk)
    outputs = {one["attributes"]["name"]: one for one in found["included"] if one["type"] == "workspace-outputs"}
    assert outputs["url"]["attributes"]["value"] == ["a"]
    assert outputs["secret"]["attributes"]["value"] is None
    listed = api.read(f"workspaces/{workspace.pk}/current-state-version-outputs")["data"]
    assert {one["id"] for one in outputs.values()} == {one["id"] for one in listed}
    assert {one["type"] for one in found["included"]} == {"workspace-outputs", "state-versions"}

    unseen = reader.read(f"{path}/core?include=outputs,current_state_version")
    assert "outputs" not in unseen["data"]["relationships"]
    assert "included" not in unseen


def test_runs_and_workspaces_include_each_other(api: Api, path: str, workspace: Workspace) -> None:
    job = Job.objects.create(organization=workspace.organization, workspace=workspace)
    found = api.read(f"{path}/core?include=current_run,current_run.plan")
    assert {(one["type"], one["id"]) for one in found["included"]} == {
        ("runs", f"run-{job.pk}"), ("plans", f"plan-{job.pk}")
    }  # fmt: skip
    (included,) = api.read(f"runs/run-{job.pk}?include=workspace")["included"]
    assert included == api.read(path)["data"][0]
    assert included["attributes"]["workspace-kpis-runs-count"] == 1


def test_a_workspace_names_its_variables_and_its_pages(api: Api, path: str, workspace: Workspace) -> None:
    variable = VariableFactory.create(workspace=workspace)
    found = api.read(f"{path}/core")["data"]
    assert found["relationships"]["vars"]["data"] == [{"type": "vars", "id": str(variable.pk)}]
    assert api.client.get(found["links"]["self"], headers={"Authorization": f"Bearer {api.token}"}).status_code == 200


def test_an_answer_to_a_lock_is_the_whole_workspace(api: Api, workspace: Workspace) -> None:
    locked = json.loads(api.call("POST", f"workspaces/{workspace.pk}/actions/lock", {}).content)["data"]
    assert locked["attributes"]["locked"] is True
    assert locked["relationships"]["locked-by"]["data"]["type"] == "users"
    assert locked["attributes"]["permissions"]["can-lock"] is True
    assert locked == api.read(f"workspaces/{workspace.pk}")["data"]
