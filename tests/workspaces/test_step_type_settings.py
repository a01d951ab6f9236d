"""Pod settings of one step type: names with an ending, in variables, form, policy and preview."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from executors.preview.expected_job import expected_job
from tests.factories import GlobalVariableFactory, VariableFactory, WorkspaceFactory
from tests.panel.forms import submit
from workspaces.choices import Category, StepType
from workspaces.errors import InvalidInput, WrongSettings
from workspaces.models import PolicyRule, Workspace
from workspaces.pods.catalogue import STEP_SETTINGS
from workspaces.pods.policy.rules import Effect, Level, Policy, Rule
from workspaces.pods.step_types import ENDINGS
from workspaces.services.policy import create_rule
from workspaces.services.workspaces import set_variable
from workspaces.variables.in_force import workspace_inputs

ENABLE = "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR"
SELECTOR, ACCOUNT = "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", "EPHEMERAL_CONFIG_SERVICE_ACCOUNT"
REQUEST, LIMIT = "EPHEMERAL_CPU_REQUEST", "EPHEMERAL_CPU_LIMIT"
ON = {ENABLE: "1"}


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory.create()


def save(workspace: Workspace, **variables: str) -> None:
    for key, value in variables.items():
        set_variable(workspace, by=None, key=key, value=value, category=Category.ENV)


def selector(workspace: Workspace, step_type: StepType) -> Any:
    return expected_job(workspace, step_type)["spec"]["template"]["spec"].get("nodeSelector", {}).get("pool")


def test_a_step_gets_the_settings_of_its_type_and_else_the_plain_ones(workspace: Workspace) -> None:
    save(workspace, **ON, **{SELECTOR: "pool=any", f"{SELECTOR}_PLAN": "pool=spot", f"{SELECTOR}_DESTROY": "pool=own"})
    found = {kind.value: selector(workspace, kind) for kind in ENDINGS}
    assert found == {
        "terraformPlan": "spot",
        "terraformPlanDestroy": "spot",
        "terraformApply": "any",
        "terraformDestroy": "own",
    }
    assert selector(workspace, StepType.SCRIPTS) == "any"
    environment = workspace_inputs(workspace).for_step(StepType.PLAN).environment
    assert not environment.keys() & STEP_SETTINGS.keys()


def test_a_setting_of_one_type_wins_whoever_sets_it_and_its_own_levels_count_as_ever(workspace: Workspace) -> None:
    organization = workspace.organization
    GlobalVariableFactory.create(organization=organization, key=f"{SELECTOR}_PLAN", value="pool=spot")
    save(workspace, **ON, **{SELECTOR: "pool=any"})
    assert selector(workspace, StepType.PLAN) == "spot"
    save(workspace, **{f"{SELECTOR}_PLAN": "pool=mine"})
    assert selector(workspace, StepType.PLAN) == "mine"


def test_it_is_written_and_checked_as_the_plain_setting_is(workspace: Workspace) -> None:
    for name, text in ((f"{LIMIT}_APPLY", "much"), (f"{SELECTOR}_PLAN", "a b=c"), (f"{SELECTOR}_PLANS", "a=b")):
        with pytest.raises(InvalidInput) as refused:
            save(workspace, **{name: text})
        assert refused.value.fields["value"].startswith(f"{name}: ")
    save(workspace, **{REQUEST: "2", LIMIT: "3"})
    with pytest.raises(WrongSettings) as whole:
        save(workspace, **{f"{LIMIT}_APPLY": "1"})
    assert f'"2" is more than 1, the value of {LIMIT}_APPLY' in whole.value.message


# ---- policy ---------------------------------------------------------------------------------------------------------


def rule(setting: str, level: Level = Level.INSTALLATION, **parts: Any) -> Rule:
    return Rule(setting=setting, level=level, **parts)


def refused(policy: Policy, **environment: str) -> list[str]:
    return [refusal.message.split()[0].rstrip(":") for refusal in policy.refusals(ON | environment)]


def test_a_rule_for_a_setting_holds_for_each_type_of_step() -> None:
    policy = Policy((rule(ACCOUNT, allowed=("tf-*",)),))
    assert [one.setting for one in policy.objections(f"{ACCOUNT}_APPLY", "admin")] == [f"{ACCOUNT}_APPLY"]
    assert refused(policy, **{ACCOUNT: "tf-a", f"{ACCOUNT}_APPLY": "admin"}) == [f"{ACCOUNT}_APPLY"]
    assert policy.lock(f"{ACCOUNT}_APPLY") is None
    locked = Policy((rule(ACCOUNT, effect=Effect.LOCKED, value="tf-a"),))
    assert locked.lock(f"{ACCOUNT}_APPLY")
    assert refused(locked, **{f"{ACCOUNT}_APPLY": "tf-b"}) == [f"{ACCOUNT}_APPLY"]


def test_a_rule_for_one_type_of_step_replaces_that_for_all_of_its_level_alone() -> None:
    spot = rule(SELECTOR, effect=Effect.LOCKED, value="pool=spot")
    own = rule(f"{SELECTOR}_DESTROY", effect=Effect.LOCKED, value="pool=own")
    policy = Policy((spot, own))
    added = {name: forced.text for name, forced in policy.additions(ON).items()}
    assert added == {SELECTOR: "pool=spot", f"{SELECTOR}_DESTROY": "pool=own"}
    assert refused(policy, **added) == []
    above = Policy((rule(SELECTOR, Level.BUILT_IN, refused=("pool=own",)), own))
    assert refused(above, **{f"{SELECTOR}_DESTROY": "pool=own"}) == [f"{SELECTOR}_DESTROY"]


def test_a_bound_for_one_type_of_step_is_its_value_only_where_nothing_else_is_said() -> None:
    policy = Policy((rule(f"{LIMIT}_PLAN", maximum="2"),))
    assert {name: forced.text for name, forced in policy.additions(ON).items()} == {f"{LIMIT}_PLAN": "2"}
    assert policy.additions(ON | {LIMIT: "1"}) == {}
    assert refused(policy, **{LIMIT: "4"}) == [f"{LIMIT}_PLAN"]
    assert policy.refusals(ON | {LIMIT: "4"}, ending="APPLY") == []


def test_a_value_that_one_type_of_step_may_not_have_is_refused_when_it_is_saved(workspace: Workspace) -> None:
    organization = workspace.organization
    create_rule(PolicyRule(setting=f"{SELECTOR}_DESTROY", refused="pool=spot"), by=None)
    with pytest.raises(InvalidInput):
        create_rule(PolicyRule(organization=organization, setting=f"{SELECTOR}_DESTROY", value="pool=spot"), by=None)
    save(workspace, **ON)
    with pytest.raises(WrongSettings) as caught:
        save(workspace, **{SELECTOR: "pool=spot"})
    assert '"pool=spot" is refused by the policy of the installation' in caught.value.message
    save(workspace, **{f"{SELECTOR}_DESTROY": "pool=own"})
    save(workspace, **{SELECTOR: "pool=spot"})


# ---- panel ----------------------------------------------------------------------------------------------------------


def test_the_form_adds_changes_and_takes_away_a_setting_of_one_type(workspace: Workspace, admin_client: Client) -> None:
    name, page = f"{SELECTOR}_PLAN", reverse("admin:workspaces_workspace_pods", args=[workspace.pk])
    submit(admin_client, page, "workspace_form", {"ephemeral-added-name": name, "ephemeral-added-text": "pool=spot"})
    assert workspace.variables.get(key=name).value == "pool=spot"
    submit(admin_client, page, "workspace_form", {f"ephemeral-{name}": "pool=other"})
    assert workspace.variables.get(key=name).value == "pool=other"
    answer = submit(admin_client, page, "workspace_form", {f"ephemeral-{name}": "a b=c"})
    assert f"{name}: " in answer.content.decode()
    submit(admin_client, page, "workspace_form", {f"ephemeral-{name}": "", f"ephemeral-{name}-set": None})
    assert not workspace.variables.filter(key=name).exists()


def test_the_preview_names_the_variable_that_says_a_line(workspace: Workspace, admin_client: Client) -> None:
    VariableFactory.create(workspace=workspace, key=ENABLE, value="1")
    VariableFactory.create(workspace=workspace, key=f"{SELECTOR}_PLAN", value="pool=spot")
    page = reverse("admin:workspaces_workspace_preview", args=[workspace.pk])
    for kind, there in ((StepType.PLAN, True), (StepType.APPLY, False)):
        lines = admin_client.get(page, {"type": kind}).context["lines"]
        assert ((f"{SELECTOR}_PLAN", "workspace") in {(line.setting, line.origin) for line in lines}) is there
