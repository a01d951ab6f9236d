"""The section of the ephemeral executor on a workspace's page: the variables are its only store."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from executors.cluster import ClusterError
from executors.installation.settings import installation
from tests.factories import (
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    ReferenceFactory,
    VariableFactory,
)
from tests.panel.forms import submit
from workspaces.choices import Category
from workspaces.models import Variable, Workspace
from workspaces.models.variable import HIDDEN
from workspaces.pods import SETTINGS, catalogue

pytestmark = pytest.mark.django_db

ENABLE = "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR"
TOLERATIONS = "EPHEMERAL_CONFIG_TOLERATIONS"
SELECTOR = "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS"
ENVIRONMENT = "EPHEMERAL_JOB_ENV_VARS"


def address_of(workspace: Workspace) -> str:
    return reverse("admin:workspaces_workspace_pods", args=[workspace.pk])


def save(client: Client, workspace: Workspace, **texts: str | None) -> Any:
    """Enter texts of settings (None: "Set here" unticked and the text taken out) and save the page."""
    changes: dict[str, Any] = {}
    for name, text in texts.items():
        changes[f"ephemeral-{name}"] = text or ""
        if name != ENABLE:
            changes[f"ephemeral-{name}-set"] = None if text is None else "1"
    return submit(client, address_of(workspace), "workspace_form", changes)


def stored(workspace: Workspace) -> dict[str, str]:
    return dict(workspace.variables.filter(category=Category.ENV).values_list("key", "value"))


def test_every_setting_has_a_control_with_its_help_and_grammar(workspace: Workspace, admin: Client) -> None:
    page = admin.get(address_of(workspace))
    text = page.content.decode()
    for name in SETTINGS:
        assert f'name="ephemeral-{name}"' in text
        assert f'id="setting-{name}"' in text
    executor = page.context["adminform"].form.executor
    shown = [entry.setting.name for _, entries in executor.groups for entry in entries]
    assert sorted([*shown, ENABLE]) == sorted(SETTINGS)
    assert all(setting.help for setting in SETTINGS.values())


def test_every_example_of_the_documentation_is_saved_as_its_variable_and_shown_again(
    workspace: Workspace, admin: Client
) -> None:
    # The default claim's folder and the files of a ConfigMap would be one in the other.
    examples = {name: setting.example for name, setting in SETTINGS.items()}
    examples["EPHEMERAL_CPU_LIMIT"] = "2"
    assert save(admin, workspace, **examples).status_code == 302
    assert stored(workspace) == examples
    executor = admin.get(address_of(workspace)).context["adminform"].form.executor
    assert executor.choice == "1"
    assert {name: executor.entry(name).text for name in SETTINGS} == examples


def test_a_page_saved_as_it_is_changes_no_variable(workspace: Workspace, admin: Client) -> None:
    texts = {ENABLE: "TRUE", SELECTOR: "", TOLERATIONS: " spot ; gpu:Exists ", "EPHEMERAL_MEMORY_LIMIT": "1Gi"}
    for key, value in texts.items():
        VariableFactory.create(workspace=workspace, key=key, value=value)
    before = list(workspace.variables.order_by("pk").values_list("pk", "key"))
    assert submit(admin, address_of(workspace), "workspace_form", {}).status_code == 302
    assert stored(workspace) == texts
    assert list(workspace.variables.order_by("pk").values_list("pk", "key")) == before


def test_a_setting_taken_out_takes_its_variable_with_it(workspace: Workspace, admin: Client) -> None:
    VariableFactory.create(workspace=workspace, key=TOLERATIONS, value="spot")
    VariableFactory.create(workspace=workspace, key=ENABLE, value="1")
    save(admin, workspace, **{TOLERATIONS: None, ENABLE: ""})
    assert stored(workspace) == {}


def test_an_empty_node_selector_is_kept_as_a_value_that_takes_the_installations_away(
    workspace: Workspace, admin: Client
) -> None:
    save(admin, workspace, **{SELECTOR: ""})
    assert stored(workspace) == {SELECTOR: ""}


def test_text_without_the_box_ticked_counts_too(workspace: Workspace, admin: Client) -> None:
    """A browser without JavaScript ticks nothing by itself."""
    submit(admin, address_of(workspace), "workspace_form", {f"ephemeral-{TOLERATIONS}": "spot"})
    assert stored(workspace) == {TOLERATIONS: "spot"}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (TOLERATIONS, "dedicated=tf"),
        ("EPHEMERAL_MEMORY_LIMIT", "much"),
        (SELECTOR, "disk=a b"),
        ("EPHEMERAL_CONFIG_MAP_MOUNT_PATH", "relative"),
    ],
)
def test_an_error_stands_at_its_field_keeps_what_was_typed_and_says_the_grammar(
    name: str, wrong: str, workspace: Workspace, admin: Client
) -> None:
    response = save(admin, workspace, **{name: wrong, "EPHEMERAL_CPU_LIMIT": "2"})
    assert response.status_code == 200
    executor = response.context["adminform"].form.executor
    entry = executor.entry(name)
    assert entry.text == wrong
    assert entry.error.startswith(f"{name}: ")
    assert SETTINGS[name].grammar in entry.error
    assert executor.entry("EPHEMERAL_CPU_LIMIT").text == "2"
    # All or nothing.
    assert stored(workspace) == {}


def test_what_is_wrong_only_together_is_said_at_the_field(workspace: Workspace, admin: Client) -> None:
    response = save(admin, workspace, EPHEMERAL_CPU_REQUEST="4", EPHEMERAL_CPU_LIMIT="2")
    assert response.context["adminform"].form.executor.entry("EPHEMERAL_CPU_REQUEST").error
    assert stored(workspace) == {}


def test_an_unset_setting_shows_what_is_in_force_and_where_it_comes_from(
    workspace: Workspace, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ExecutorEphemeralNodeSelector", "pool=spot")
    installation.cache_clear()
    try:
        item = ItemFactory.create(
            collection=CollectionFactory.create(organization=workspace.organization, name="big"),
            key="EPHEMERAL_MEMORY_LIMIT",
            value="8Gi",
        )
        ReferenceFactory.create(collection=item.collection, workspace=workspace)
        GlobalVariableFactory.create(organization=workspace.organization, key=ENABLE, value="1")
        GlobalVariableFactory.create(
            organization=workspace.organization, key=ENVIRONMENT, value="TOKEN=hidden", sensitive=True
        )
        page = admin.get(address_of(workspace))
        executor = page.context["adminform"].form.executor
        found = {name: (executor.entry(name).inherited, executor.entry(name).origin) for name in SETTINGS}
    finally:
        installation.cache_clear()
    assert found["EPHEMERAL_MEMORY_LIMIT"] == ("8Gi", "collection big")
    assert found[ENABLE] == ("1", "organization")
    assert found[SELECTOR] == ("pool=spot", "installation")
    assert found["EPHEMERAL_CONFIG_MAP_MOUNT_PATH"] == (catalogue.DEFAULT_CONFIG_MAP_MOUNT_PATH, "default")
    assert executor.is_on
    assert "TOKEN=hidden" not in page.content.decode()


def test_a_sensitive_setting_is_kept_and_never_shown(workspace: Workspace, admin: Client) -> None:
    VariableFactory.create(workspace=workspace, key=ENVIRONMENT, value="TOKEN=hidden", sensitive=True)
    page = admin.get(address_of(workspace)).content.decode()
    assert "TOKEN=hidden" not in page
    assert submit(admin, address_of(workspace), "workspace_form", {}).status_code == 302
    assert stored(workspace) == {ENVIRONMENT: "TOKEN=hidden"}
    save(admin, workspace, **{ENVIRONMENT: "TOKEN=other"})
    row = Variable.objects.get(workspace=workspace)
    assert (row.value, row.sensitive) == ("TOKEN=other", True)


def test_a_setting_entered_as_a_variable_appears_in_the_section(workspace: Workspace, admin: Client) -> None:
    VariableFactory.create(workspace=workspace, key=TOLERATIONS, value="spot")
    assert admin.get(address_of(workspace)).context["adminform"].form.executor.entry(TOLERATIONS).text == "spot"


def test_a_variable_with_a_wrong_setting_is_refused_at_its_value_with_the_grammar(
    workspace: Workspace, admin: Client
) -> None:
    address = reverse("admin:workspaces_workspace_variables", args=[workspace.pk])
    row = {"key": TOLERATIONS, "value": "dedicated=tf", "category": "ENV"}
    typed = {"variables-TOTAL_FORMS": "1", **{f"variables-0-{name}": text for name, text in row.items()}}
    page = submit(admin, address, "workspace_form", typed)
    assert page.status_code == 200
    formset = next(one for one in page.context["inline_admin_formsets"] if one.formset.prefix == "variables").formset
    assert SETTINGS[TOLERATIONS].grammar in formset.forms[0].errors["value"][0]
    assert formset.forms[0]["value"].value() == "dedicated=tf"


def test_the_kubernetes_job_is_shown_with_its_secrets_masked(workspace: Workspace, admin: Client) -> None:
    VariableFactory.create(workspace=workspace, key=ENVIRONMENT, value="TOKEN=hidden;NAME=shown", sensitive=True)
    VariableFactory.create(workspace=workspace, key=TOLERATIONS, value="dedicated=tf:Equal:NoSchedule")
    address = reverse("admin:workspaces_workspace_preview", args=[workspace.pk])
    text = admin.get(f"{address}?type=terraformApply").content.decode()
    assert "backoffLimit: 0" in text
    assert "dedicated" in text
    body = text.replace("aria-hidden", "").split("<pre", 1)[1].split("</pre>")[0]
    assert HIDDEN in body
    # The whole text of the variable is sensitive, so the names in it are not shown either.
    for part in ("TOKEN", "hidden", "NAME", "shown"):
        assert part not in body


def test_a_setting_that_was_written_around_the_services_is_explained_by_the_preview(
    workspace: Workspace, admin: Client
) -> None:
    variable = VariableFactory.create(workspace=workspace, key=TOLERATIONS, value="spot")
    Variable.objects.filter(pk=variable.pk).update(value="dedicated=tf")
    page = admin.get(reverse("admin:workspaces_workspace_preview", args=[workspace.pk])).content.decode()
    assert "takes none; write" in page


def test_the_preview_says_where_each_value_comes_from_and_what_the_pod_needs(
    workspace: Workspace, admin: Client
) -> None:
    VariableFactory.create(workspace=workspace, key="EPHEMERAL_CONFIG_SERVICE_ACCOUNT", value="tf-runner")
    GlobalVariableFactory.create(organization=workspace.organization, key="EPHEMERAL_MEMORY_LIMIT", value="2Gi")
    page = admin.get(reverse("admin:workspaces_workspace_preview", args=[workspace.pk]))
    origins = {one.name: (one.value, one.origin) for one in page.context["origins"]}
    assert origins["EPHEMERAL_CONFIG_SERVICE_ACCOUNT"] == ("tf-runner", "workspace")
    assert origins["EPHEMERAL_MEMORY_LIMIT"] == ("2Gi", "organization")
    assert origins["ExecutorEphemeralNamespace"] == (installation().namespace, "installation")
    assert ("ServiceAccount", "tf-runner") in [(need.kind, need.name) for need in page.context["needs"]]


def test_a_cluster_that_cannot_be_reached_is_said_so(
    workspace: Workspace, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ClusterError("no way to it")

    monkeypatch.setattr("executors.cluster.connect", refuse)
    page = admin.post(reverse("admin:workspaces_workspace_preview", args=[workspace.pk]), {"type": "terraformApply"})
    assert page.status_code == 200
    assert "no way to it" in page.content.decode()
    assert page.context["kind"] == "terraformApply"
