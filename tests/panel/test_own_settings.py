"""The list of workspaces says which settings of its pods each has otherwise than it would inherit."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from executors.admin.workspaces import ExecutedWorkspace
from tests.factories import (
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    ReferenceFactory,
    VariableFactory,
    WorkspaceFactory,
)
from tests.panel.test_last_pod import run
from tests.support.markup import without_breaks
from workspaces.models import Organization, PolicyRule, Workspace
from workspaces.models.variable import HIDDEN
from workspaces.pods.catalogue import ENABLE, NODE_SELECTOR, SERVICE_ACCOUNT, TOLERATIONS

pytestmark = pytest.mark.django_db
LIST = reverse("admin:workspaces_workspace_changelist")
LIMIT, REQUEST = "EPHEMERAL_MEMORY_LIMIT", "EPHEMERAL_MEMORY_REQUEST"


@pytest.fixture
def workspace() -> Workspace:
    return made()


def made(values: Mapping[str, str] | None = None, *, organization: Organization | None = None) -> Workspace:
    """A workspace that runs in pods, with settings of its own."""
    found = WorkspaceFactory.create(**({"organization": organization} if organization else {}))
    for key, value in {ENABLE: "1", **(values or {})}.items():
        VariableFactory.create(workspace=found, key=key, value=value)
    return found


def shown(admin: Client, workspace: Workspace, language: str = "en") -> tuple[str, list[str]]:
    """What a workspace's row names, and the lines that are shown with them."""
    page = admin.get(LIST, headers={"accept-language": language}).content.decode()
    row = page[page.index(f">{workspace.name}<") :].split("</tr>")[0]
    found = re.search(r'<td class="field-settings[^>]*>\s*<span class="tk-reason" title="([^"]*)">([^<]*)<', row)
    assert found is not None, row
    return html.unescape(found[2]), html.unescape(found[1]).splitlines()


def test_what_differs_is_named_with_both_values(admin: Client, workspace: Workspace) -> None:
    GlobalVariableFactory.create(organization=workspace.organization, key=LIMIT, value="2Gi")
    VariableFactory.create(workspace=workspace, key=LIMIT, value="4Gi")
    VariableFactory.create(workspace=workspace, key=SERVICE_ACCOUNT, value="tf-runner")
    assert shown(admin, workspace) == (
        "Service account, Memory limit",
        [
            "Service account: tf-runner here, nothing without it (default)",
            "Memory limit: 4Gi here, 2Gi without it (organization)",
        ],
    )


def test_what_says_the_same_is_not_named(admin: Client, workspace: Workspace) -> None:
    GlobalVariableFactory.create(organization=workspace.organization, key=LIMIT, value="2Gi")
    row = VariableFactory.create(workspace=workspace, key=LIMIT, value="2Gi")
    assert shown(admin, workspace) == ("no own settings", [])
    row.value = "3Gi"
    row.save()
    assert shown(admin, workspace)[0] == "Memory limit"


def test_what_only_the_organization_says_is_not_named(admin: Client, workspace: Workspace) -> None:
    GlobalVariableFactory.create(organization=workspace.organization, key=LIMIT, value="2Gi")
    assert shown(admin, workspace) == ("no own settings", [])


def test_after_the_first_three_it_says_how_many_more(admin: Client) -> None:
    four = {TOLERATIONS: "spot:Exists", SERVICE_ACCOUNT: "tf-runner", REQUEST: "1Gi", LIMIT: "2Gi"}
    workspace = made({NODE_SELECTOR: "disk=ssd", **four})
    names, lines = shown(admin, workspace)
    assert names == "Node selector, Service account, Tolerations and 2 more"
    assert [line.partition(":")[0] for line in lines] == [
        "Node selector", "Service account", "Tolerations", "Memory request", "Memory limit",
    ]  # fmt: skip


def test_what_would_be_inherited_comes_from_a_collection_a_policy_or_the_installation(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExecutedWorkspace, "executor_defaults", lambda page: {NODE_SELECTOR: "pool=tf"})
    workspace = made({LIMIT: "4Gi", REQUEST: "1Gi", NODE_SELECTOR: "disk=ssd"})
    collection = CollectionFactory.create(organization=workspace.organization, name="spot")
    ItemFactory.create(collection=collection, key=LIMIT, value="3Gi")
    ReferenceFactory.create(workspace=workspace, collection=collection)
    PolicyRule.objects.create(organization=workspace.organization, setting=REQUEST, value="512Mi")
    lines = {line.partition(": ")[0]: line.partition(": ")[2] for line in shown(admin, workspace)[1]}
    assert lines["Memory limit"] == "4Gi here, 3Gi without it (collection spot)"
    assert lines["Memory request"] == "1Gi here, 512Mi without it (the policy of the organization)"
    assert lines["Node selector"] == "disk=ssd here, pool=tf without it (installation)"


def test_the_page_of_the_workspace_says_the_same(admin: Client, workspace: Workspace) -> None:
    GlobalVariableFactory.create(organization=workspace.organization, key=LIMIT, value="2Gi")
    VariableFactory.create(workspace=workspace, key=LIMIT, value="4Gi")
    text = admin.get(reverse("admin:workspaces_workspace_pods", args=[workspace.pk])).content.decode()
    setting = text[text.index(f'id="setting-{LIMIT}"') :].split("</section>")[0]
    assert 'value="4Gi"' in setting
    assert 'Inherited:<code>2Gi</code><span class="tk-origin">organization</span>' in without_breaks(setting)


@pytest.mark.parametrize("own", ["TOKEN=top-secret-1", "TOKEN=other"])
def test_nothing_of_a_sensitive_setting_is_shown_not_even_whether_it_is_the_same(
    admin: Client, workspace: Workspace, own: str
) -> None:
    key = "EPHEMERAL_JOB_ENV_VARS"
    GlobalVariableFactory.create(
        organization=workspace.organization, key=key, value="TOKEN=top-secret-1", sensitive=True
    )
    VariableFactory.create(workspace=workspace, key=key, value=own, sensitive=True)
    GlobalVariableFactory.create(organization=workspace.organization, key=LIMIT, value="2Gi")
    VariableFactory.create(workspace=workspace, key=LIMIT, value="2Gi", sensitive=True)
    names, lines = shown(admin, workspace)
    assert names == "Memory limit, Container environment"
    assert lines == [
        f"Memory limit: {HIDDEN} here, 2Gi without it (organization)",
        f"Container environment: {HIDDEN} here, {HIDDEN} without it (organization)",
    ]
    page = admin.get(LIST).content.decode()
    assert "top-secret" not in page
    assert own not in page


def test_a_long_value_is_cut_and_stays_in_its_line(admin: Client) -> None:
    workspace = made({NODE_SELECTOR: ";\n".join(f"key-{n}=value" for n in range(30))})
    (line,) = shown(admin, workspace)[1]
    assert len(line) < 160
    assert "…" in line


@pytest.mark.usefixtures("german")
def test_it_is_said_in_the_readers_language(admin: Client) -> None:
    workspace = made({NODE_SELECTOR: "a=b", TOLERATIONS: "x:Exists", SERVICE_ACCOUNT: "tf", LIMIT: "4Gi"})
    names, lines = shown(admin, workspace, "de")
    assert names.endswith(" und 1 weitere")
    assert lines[-1] == "Speicherlimit: hier 4Gi, sonst nichts (Vorgabe)"


def test_the_list_asks_the_database_no_more_often_for_many(admin: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert "Memory limit" in admin.get(LIST).content.decode()
        return len(captured)

    organization = made({LIMIT: "2Gi"}).organization
    queries()
    one = queries()
    for number in range(40):
        workspace = made(
            {LIMIT: "4Gi", NODE_SELECTOR: f"n={number}"}, organization=organization if number % 2 else None
        )
        GlobalVariableFactory.create(organization=workspace.organization, key=f"EPHEMERAL_{number}", value="1Gi")
        run(workspace)
    # Two are for what the reader made of the list: saved filters, and columns.
    assert queries() == one <= 16
