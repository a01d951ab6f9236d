"""Which value of a variable wins."""

from __future__ import annotations

import pytest

from tests.factories import (
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    ReferenceFactory,
    VariableFactory,
    WorkspaceFactory,
)
from workspaces import flows
from workspaces.choices import Category
from workspaces.errors import InvalidInput
from workspaces.models import Variable, Workspace
from workspaces.services import jobs, workspaces
from workspaces.variables.in_force import step_inputs, workspace_inputs

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create(name="net", organization__name="acme")


def environment(workspace: Workspace, flow: str = "") -> dict[str, str]:
    step = flows.parse(f"flow:\n  - type: terraformPlan\n    step: 100\n{flow}")[0]
    return workspace_inputs(workspace, step=step).texts(Category.ENV)


def share(workspace: Workspace, key: str, value: str, *, name: str, priority: int) -> None:
    collection = CollectionFactory.create(organization=workspace.organization, name=name, priority=priority)
    ItemFactory.create(collection=collection, key=key, value=value)
    ReferenceFactory.create(workspace=workspace, collection=collection)


def test_every_step_gets_terrakubes_additions(workspace: Workspace) -> None:
    assert environment(workspace) == {
        "TF_IN_AUTOMATION": "1",
        "workspaceName": "net",
        "organizationName": "acme",
    }


def test_the_workspace_wins_over_the_organization_and_that_over_collections(workspace: Workspace) -> None:
    share(workspace, "A", "collection", name="low", priority=1)
    share(workspace, "B", "low", name="lower", priority=5)
    share(workspace, "B", "high", name="higher", priority=9)
    GlobalVariableFactory.create(organization=workspace.organization, key="A", value="organization")
    GlobalVariableFactory.create(organization=workspace.organization, key="C", value="organization")
    VariableFactory.create(workspace=workspace, key="C", value="workspace")
    VariableFactory.create(workspace=workspace, key="workspaceName", value="mine")
    found = workspace_inputs(workspace).environment
    assert {key: (found[key].text, found[key].origin) for key in ("A", "B", "C", "workspaceName")} == {
        "A": ("organization", "organization"),
        "B": ("high", "collection higher"),
        "C": ("workspace", "workspace"),
        "workspaceName": ("mine", "workspace"),
    }


def test_categories_do_not_mix(workspace: Workspace) -> None:
    VariableFactory.create(workspace=workspace, key="size", value="3", category=Category.TERRAFORM)
    GlobalVariableFactory.create(
        organization=workspace.organization, key="zone", value="a", category=Category.TERRAFORM
    )
    inputs = workspace_inputs(workspace)
    assert inputs.texts(Category.TERRAFORM) == {"size": "3", "zone": "a"}
    assert "size" not in inputs.environment


def test_other_organizations_and_unreferenced_collections_give_nothing(workspace: Workspace) -> None:
    GlobalVariableFactory.create(key="FOREIGN")
    ItemFactory.create(collection__organization=workspace.organization, key="UNREFERENCED")
    assert not {"FOREIGN", "UNREFERENCED"} & set(environment(workspace))


def test_inputs_env_lets_only_the_mapped_globals_through(workspace: Workspace) -> None:
    GlobalVariableFactory.create(organization=workspace.organization, key="SHARED_TOKEN", value="t")
    GlobalVariableFactory.create(organization=workspace.organization, key="OTHER", value="o")
    share(workspace, "ITEM", "i", name="items", priority=1)
    VariableFactory.create(workspace=workspace, key="OWN", value="own")
    found = environment(workspace, "    inputsEnv: {TOKEN: $SHARED_TOKEN, MISSING: $NOWHERE}\n")
    assert {key: found.get(key) for key in ("TOKEN", "OWN")} == {"TOKEN": "t", "OWN": "own"}
    assert not {"OTHER", "ITEM", "MISSING", "SHARED_TOKEN"} & set(found)


def test_a_jobs_addresses_are_no_variable_of_its_steps(workspace: Workspace) -> None:
    VariableFactory.create(workspace=workspace, key="TF_CLI_ARGS_plan", value="-parallelism=1")
    flow = "flow:\n  - {type: terraformPlan, step: 100}\n"
    job = jobs.create_job(workspace, by=None, tcl=flow, targets=["module.a"], replaces=["terraform_data.x"])
    found = step_inputs(job, flows.parse(flow)[0]).texts(Category.ENV)
    assert found["TF_CLI_ARGS_plan"] == "-parallelism=1"


def test_sensitive_texts_are_those_that_would_be_used(workspace: Workspace) -> None:
    VariableFactory.create(workspace=workspace, key="A", value="hidden", sensitive=True)
    GlobalVariableFactory.create(organization=workspace.organization, key="A", value="unused", sensitive=True)
    VariableFactory.create(
        workspace=workspace, key="b", value="hidden too", sensitive=True, category=Category.TERRAFORM
    )
    assert workspace_inputs(workspace).sensitive_texts == {"hidden", "hidden too"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("EPHEMERAL_CONFIG_TOLERATIONS", "dedicated=tf"),
        ("EPHEMERAL_MEMORY_LIMIT", "abc"),
        ("EPHEMERAL_CONFIG_SECURITY_CONTEXT", "privileged=true"),
    ],
)
def test_a_malformed_setting_is_refused_when_it_is_saved(workspace: Workspace, key: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        workspaces.set_variable(workspace, by=None, key=key, value=value, category=Category.ENV)
    assert key in caught.value.fields["value"]
    assert not Variable.objects.exists()


def test_the_same_text_is_a_plain_value_for_terraform(workspace: Workspace) -> None:
    variable = workspaces.set_variable(
        workspace, by=None, key="EPHEMERAL_MEMORY_LIMIT", value="abc", category=Category.TERRAFORM
    )
    assert variable.value == "abc"


def test_values_are_encrypted_in_the_database(workspace: Workspace) -> None:
    from django.db import connection

    VariableFactory.create(workspace=workspace, key="TOKEN", value="a secret text", sensitive=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM workspaces_variable")
        (stored,) = cursor.fetchone()
    assert "a secret text" not in stored
    assert Variable.objects.get(key="TOKEN").value == "a secret text"


def test_the_texts_in_a_sensitive_expression_are_hidden_too(workspace: Workspace) -> None:
    login = '{ user = "ann", password = "s3cr3t-1", tls = "on" }'
    for key, value, category in (
        ("login", login, Category.TERRAFORM),
        ("pin", '"42"', Category.TERRAFORM),
        ("words", "a plain secret", Category.TERRAFORM),
        ("JSON", '{"password": "s3cr3t-2"}', Category.ENV),
    ):
        VariableFactory.create(workspace=workspace, key=key, value=value, category=category, sensitive=True)
    VariableFactory.create(workspace=workspace, key="open", value='["shown"]', category=Category.TERRAFORM)
    assert workspace_inputs(workspace).sensitive_texts == {
        login, "s3cr3t-1", '"42"', "42", "a plain secret", '{"password": "s3cr3t-2"}',
    }  # fmt: skip
