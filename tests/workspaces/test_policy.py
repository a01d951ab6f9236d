"""What a policy allows, adds and refuses: the rules themselves, at every place where a variable is written."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from tests.factories import (
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    OrganizationFactory,
    ReferenceFactory,
    TeamFactory,
    VariableFactory,
    WorkspaceFactory,
    member,
)
from workspaces.choices import Category
from workspaces.errors import Duplicate, InvalidInput, NotAllowed
from workspaces.models import GlobalVariable, Item, PolicyRule, Workspace
from workspaces.pods.policy.checks import loosening, wrong
from workspaces.pods.policy.rules import Effect, Level, Policy, Rule
from workspaces.services import workspaces
from workspaces.services.bulk import set_on_workspaces
from workspaces.services.ephemeral import change_settings
from workspaces.services.policy import create_rule, delete_rule, update_rule, violations
from workspaces.services.records import create_record
from workspaces.variables.in_force import workspace_inputs

ENABLE = "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR"
ACCOUNT = "EPHEMERAL_CONFIG_SERVICE_ACCOUNT"
SELECTOR = "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS"
TOLERATIONS = "EPHEMERAL_CONFIG_TOLERATIONS"
CONFIG_MAPS = "EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP"
POD = "EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT"
ENVIRONMENT = "EPHEMERAL_JOB_ENV_VARS"
MEMORY = "EPHEMERAL_MEMORY_LIMIT"
REQUEST = "EPHEMERAL_MEMORY_REQUEST"
CPU = "EPHEMERAL_CPU_LIMIT"


def rule(setting: str, level: Level = Level.INSTALLATION, **said: Any) -> Rule:
    return Rule(setting=setting, level=level, **said)


def sentences(found: Rule, text: str) -> list[str]:
    return [refusal.message for refusal in Policy((found,)).objections(found.setting, text)]


@pytest.mark.parametrize(
    ("setting", "allowed", "text", "refused"),
    [
        (ACCOUNT, ["tf-*", "runner"], "tf-net", ""),
        (ACCOUNT, ["tf-*", "runner"], "runner", ""),
        (ACCOUNT, ["tf-*", "runner"], "runner2", "runner2"),
        (CONFIG_MAPS, ["terrakube-*"], "terrakube-a, terrakube-b", ""),
        (CONFIG_MAPS, ["terrakube-*"], "terrakube-a,other", "other"),
        (SELECTOR, ["pool=tf-*", "disk"], "pool=tf-a;disk=ssd", ""),
        (SELECTOR, ["pool=tf-*", "disk"], "pool=gpu;disk=ssd", "pool=gpu"),
        (SELECTOR, ["pool=tf-*", "disk"], "zone=a", "zone=a"),
        (TOLERATIONS, ["dedicated=tf::NoSchedule"], "dedicated=tf:Equal:NoSchedule", ""),
        # It tolerates every value, and then every effect: more than the entry says.
        (TOLERATIONS, ["dedicated=tf::NoSchedule"], "dedicated:Exists:NoSchedule", "dedicated:Exists:NoSchedule"),
        (TOLERATIONS, ["dedicated=tf::NoSchedule"], "dedicated=tf:Equal", "dedicated=tf:Equal"),
        (TOLERATIONS, ["spot"], "spot=a:Equal:NoExecute;spot", ""),
        (POD, ["runAsUser=1000..2000", "fsGroup"], "runAsUser=1500;fsGroup=5", ""),
        (POD, ["runAsUser=1000..2000", "fsGroup"], "runAsUser=0", "runAsUser=0"),
        (POD, ["runAsUser=1000..2000", "fsGroup"], "runAsUser=00", "runAsUser=00"),
        # The value of an environment variable is not said.
        (ENVIRONMENT, ["HTTP*_PROXY"], "AWS_SECRET=hunter2", "AWS_SECRET"),
    ],
)
def test_an_allow_list_is_about_each_part_of_a_value(setting: str, allowed: list[str], text: str, refused: str) -> None:
    found = sentences(rule(setting, allowed=tuple(allowed), reason="Ask the platform team."), text)
    shown = ", ".join(allowed)
    expected = f'{setting}: "{refused}" is not allowed by the policy of the installation; allowed: {shown}. '
    assert found == ([expected + "Ask the platform team."] if refused else [])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("4Gi", ""),
        ("4096Mi", ""),
        ("5Gi", '"5Gi" is more than 4Gi, the maximum of the policy of the installation'),
        ("100Mi", '"100Mi" is less than 128Mi, the minimum of the policy of the installation'),
    ],
)
def test_an_amount_stays_within_its_bounds(text: str, sentence: str) -> None:
    found = sentences(rule(MEMORY, minimum="128Mi", maximum="4Gi"), text)
    assert found == ([f"{MEMORY}: {sentence}."] if sentence else [])


def test_a_locked_setting_has_one_value_and_a_forbidden_one_none() -> None:
    locked = rule(SELECTOR, effect=Effect.LOCKED, value="pool=tf;disk=ssd")
    assert sentences(locked, " disk=ssd ; pool=tf") == []
    assert sentences(locked, "pool=gpu") == [
        f'{SELECTOR} is locked to "pool=tf;disk=ssd" by the policy of the installation.'
    ]
    assert sentences(rule(ACCOUNT, effect=Effect.FORBIDDEN), "a") == [
        f"{ACCOUNT} is forbidden by the policy of the installation."
    ]
    assert sentences(rule(ENABLE, effect=Effect.LOCKED, value="1"), "yes") == []
    assert sentences(rule(ENABLE, effect=Effect.LOCKED, value="1"), "") != []


def test_what_nobody_says_comes_from_the_nearest_default_and_a_lock_from_the_highest_level() -> None:
    policy = Policy(
        (
            rule(CPU, value="1"),
            rule(CPU, Level.ORGANIZATION, value="2"),
            rule(SELECTOR, effect=Effect.LOCKED, value="pool=tf"),
            rule(SELECTOR, Level.ORGANIZATION, value="pool=gpu"),
            rule(MEMORY, maximum="8Gi"),
            rule(MEMORY, Level.ORGANIZATION, maximum="4Gi"),
            rule(REQUEST, minimum="256Mi", maximum="8Gi"),
        )
    )
    added = policy.additions({ENABLE: "1"})
    assert {name: (forced.text, forced.rule.level, forced.locked) for name, forced in added.items()} == {
        CPU: ("2", Level.ORGANIZATION, False),
        SELECTOR: ("pool=tf", Level.INSTALLATION, True),
        # Nothing would be no limit at all.
        MEMORY: ("4Gi", Level.ORGANIZATION, False),
        REQUEST: ("256Mi", Level.INSTALLATION, False),
    }
    assert policy.additions({ENABLE: "1", CPU: "4"}).keys() == {SELECTOR, MEMORY, REQUEST}


def test_a_step_that_runs_in_no_pod_is_asked_about_the_switch_alone() -> None:
    policy = Policy((rule(ACCOUNT, effect=Effect.FORBIDDEN), rule(MEMORY, value="1Gi")))
    assert policy.additions({}) == {}
    assert policy.refusals({ACCOUNT: "a"}) == []
    assert [one.setting for one in policy.refusals({ACCOUNT: "a", ENABLE: "1"})] == [ACCOUNT]
    on = Policy((rule(ENABLE, effect=Effect.LOCKED, value="1"),))
    assert on.enabled({})
    assert [one.setting for one in on.refusals({ENABLE: "0"})] == [ENABLE]


def test_the_claim_that_is_mounted_unnamed_is_asked_about_too() -> None:
    policy = Policy((rule("PVC_CLAIM_NAME", allowed=("cache-*",)),))
    environment = {ENABLE: "1", "TF_PLUGIN_CACHE_DIR": "/cache"}
    assert '"terrakube-plugin-pvc" is not allowed' in policy.refusals(environment)[0].message
    assert policy.refusals({**environment, "PVC_CLAIM_NAME": "cache-a"}) == []


def test_a_secret_value_is_not_repeated() -> None:
    policy = Policy((rule(SELECTOR, allowed=("pool",)),))
    (refusal,) = policy.refusals({ENABLE: "1", SELECTOR: "hunter2=a"}, [SELECTOR])
    assert "hunter2" not in refusal.message
    assert refusal.message.startswith(f"{SELECTOR}: its value is not allowed")


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"setting": MEMORY}, "value"),
        ({"setting": MEMORY, "value": "much"}, "value"),
        ({"setting": MEMORY, "maximum": "much"}, "maximum"),
        ({"setting": MEMORY, "minimum": "2Gi", "maximum": "1Gi"}, "maximum"),
        ({"setting": MEMORY, "value": "2Gi", "maximum": "1Gi"}, "value"),
        ({"setting": ACCOUNT, "maximum": "1Gi"}, "maximum"),
        ({"setting": ACCOUNT, "value": "b", "allowed": ("a",)}, "value"),
        ({"setting": ACCOUNT, "effect": Effect.FORBIDDEN, "value": "a"}, "value"),
        ({"setting": ACCOUNT, "effect": Effect.LOCKED, "value": "a", "allowed": ("a",)}, "allowed"),
        ({"setting": ENABLE, "effect": Effect.LOCKED}, "value"),
        ({"setting": SELECTOR, "allowed": ("a=b;c=d",)}, "allowed"),
        ({"setting": SELECTOR, "refused": ("=b",)}, "refused"),
        ({"setting": POD, "allowed": ("runAsUser=9..1",)}, "allowed"),
    ],
)
def test_a_rule_that_says_nothing_or_contradicts_itself_is_not_saved(said: dict[str, Any], field: str) -> None:
    assert list(wrong(Rule(level=Level.INSTALLATION, **said))) == [field]


@pytest.mark.parametrize(
    ("upper", "lower", "field"),
    [
        ({"effect": Effect.LOCKED, "value": "tf"}, {"value": "other"}, "effect"),
        ({"effect": Effect.LOCKED, "value": "tf"}, {"effect": Effect.LOCKED, "value": "tf"}, None),
        ({"effect": Effect.FORBIDDEN}, {"allowed": ("a",)}, "effect"),
        ({"effect": Effect.FORBIDDEN}, {"effect": Effect.FORBIDDEN}, None),
        ({"allowed": ("tf-*",)}, {"allowed": ("tf-net-*", "tf-a")}, None),
        ({"allowed": ("tf-*",)}, {"allowed": ("*",)}, "allowed"),
        ({"allowed": ("tf-*",)}, {"allowed": ("tf*",)}, "allowed"),
        ({"allowed": ("tf-*",)}, {"value": "other"}, "value"),
        ({"allowed": ("tf-*",)}, {"effect": Effect.LOCKED, "value": "other"}, "value"),
        ({"allowed": ("tf-*",)}, {"effect": Effect.FORBIDDEN}, None),
        ({"refused": ("admin-*",)}, {"allowed": ("admin-a",)}, "allowed"),
        ({"refused": ("admin-*",)}, {"allowed": ("tf",)}, None),
    ],
)
def test_a_rule_below_can_only_tighten(upper: dict[str, Any], lower: dict[str, Any], field: str | None) -> None:
    found = loosening(rule(ACCOUNT, Level.ORGANIZATION, **lower), [rule(ACCOUNT, **upper)])
    assert list(found) == ([field] if field else [])


@pytest.mark.parametrize(
    ("lower", "field"),
    [
        ({"maximum": "4Gi"}, None),
        ({"maximum": "8Gi"}, None),
        ({"maximum": "9Gi"}, "maximum"),
        ({"minimum": "64Mi"}, "minimum"),
        ({"minimum": "9Gi"}, "minimum"),
        ({"value": "9Gi"}, "value"),
        ({"value": "1Gi"}, None),
    ],
)
def test_bounds_below_stay_within_those_above(lower: dict[str, Any], field: str | None) -> None:
    upper = rule(MEMORY, minimum="128Mi", maximum="8Gi")
    found = loosening(rule(MEMORY, Level.ORGANIZATION, **lower), [upper])
    assert list(found) == ([field] if field else [])


# ---- records --------------------------------------------------------------------------------------------------------


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory.create()


def allow_accounts(workspace: Workspace | None, *entries: str, **said: Any) -> PolicyRule:
    organization = workspace.organization if workspace is not None else None
    return create_rule(
        PolicyRule(organization=organization, setting=ACCOUNT, allowed="\n".join(entries), **said), by=None
    )


REFUSED = f'{ACCOUNT}: "admin" is not allowed by the policy of the organization; allowed: tf-*.'


def test_a_workspaces_variable_is_refused_however_it_is_written(workspace: Workspace) -> None:
    allow_accounts(workspace, "tf-*")
    with pytest.raises(InvalidInput) as caught:
        workspaces.set_variable(workspace, by=None, key=ACCOUNT, value="admin", category=Category.ENV)
    assert caught.value.fields == {"value": REFUSED}
    with pytest.raises(InvalidInput) as caught:
        change_settings(workspace, {ACCOUNT: "admin"}, by=None)
    assert caught.value.fields == {ACCOUNT: REFUSED}
    (result,) = set_on_workspaces([workspace], ACCOUNT, "admin", by=None)
    assert result.refused == REFUSED
    assert not workspace.variables.exists()
    change_settings(workspace, {ACCOUNT: "tf-net"}, by=None)
    assert workspace.variables.get().value == "tf-net"


def test_variables_of_the_organization_and_of_collections_are_refused_too(workspace: Workspace) -> None:
    allow_accounts(workspace, "tf-*")
    collection = CollectionFactory.create(organization=workspace.organization)
    keyed: Any = {"key": ACCOUNT, "value": "admin", "category": Category.ENV}
    for record in (GlobalVariable(organization=workspace.organization, **keyed), Item(collection=collection, **keyed)):
        with pytest.raises(InvalidInput) as caught:
            create_record(record, by=None)
        assert caught.value.fields == {"value": REFUSED}
    # Terraform's variable of the same name is none of the executor's, and other organizations have other rules.
    workspaces.set_variable(workspace, by=None, key=ACCOUNT, value="admin", category=Category.TERRAFORM)
    workspaces.set_variable(WorkspaceFactory.create(), by=None, key=ACCOUNT, value="admin", category=Category.ENV)


def test_an_organization_cannot_loosen_what_the_installation_says(workspace: Workspace) -> None:
    allow_accounts(None, "tf-*")
    with pytest.raises(InvalidInput) as caught:
        allow_accounts(workspace, "*")
    assert caught.value.fields == {"allowed": '"*" is not within what the policy of the installation allows: tf-*.'}
    rule = allow_accounts(workspace, "tf-net-*")
    with pytest.raises(InvalidInput):
        update_rule(rule, {"allowed": "admin"}, by=None)
    # What the installation says later counts as well, whatever the organization has saved before.
    PolicyRule.objects.filter(organization=None).update(allowed="tf-web-*")
    VariableFactory.create(workspace=workspace, key=ENABLE, value="1")
    VariableFactory.create(workspace=workspace, key=ACCOUNT, value="tf-net-a")
    (refusal,) = workspace_inputs(workspace).refusals
    assert refusal.level is Level.INSTALLATION


def test_not_even_the_installation_loosens_a_built_in_rule(db: None) -> None:
    with pytest.raises(InvalidInput) as caught:
        create_rule(PolicyRule(setting=POD, effect="locked", value="runAsUser=0"), by=None)
    assert "is refused by the built-in rules (runAsUser=0)" in caught.value.message


def test_there_is_one_rule_for_a_setting_at_each_level(workspace: Workspace) -> None:
    allow_accounts(None, "tf-*")
    allow_accounts(workspace, "tf-*")
    with pytest.raises(InvalidInput):
        allow_accounts(None, "tf-*")
    with pytest.raises(Duplicate):
        allow_accounts(workspace, "tf-*")


def test_a_team_of_an_organization_writes_no_rule(workspace: Workspace) -> None:
    team = TeamFactory.create(organization=workspace.organization, manage_workspace=True, role="admin")
    user = member(team)
    for organization in (None, workspace.organization):
        with pytest.raises(NotAllowed):
            create_rule(PolicyRule(organization=organization, setting=ACCOUNT, effect="forbidden"), by=user)
    rule = allow_accounts(None, "tf-*")
    for change in (lambda: update_rule(rule, {"allowed": "*"}, by=user), lambda: delete_rule(rule, by=user)):
        with pytest.raises(NotAllowed):
            change()
    assert PolicyRule.objects.visible_to(user).get() == rule


def test_defaults_and_locks_reach_the_step_with_their_origin(workspace: Workspace) -> None:
    create_rule(PolicyRule(setting=ENABLE, effect="locked", value="1"), by=None)
    create_rule(PolicyRule(organization=workspace.organization, setting=MEMORY, value="1Gi", maximum="2Gi"), by=None)
    found = workspace_inputs(workspace).environment
    assert (found[ENABLE].text, found[ENABLE].origin) == ("1", "the policy of the installation")
    assert (found[MEMORY].text, found[MEMORY].origin) == ("1Gi", "the policy of the organization")
    VariableFactory.create(workspace=workspace, key=MEMORY, value="2Gi")
    assert workspace_inputs(workspace).environment[MEMORY].origin == "workspace"


def test_who_breaks_the_rules_now_is_found_with_few_queries(
    workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    organization = workspace.organization
    GlobalVariableFactory.create(organization=organization, key=ENABLE, value="1")
    VariableFactory.create(workspace=workspace, key=ACCOUNT, value="admin")
    collection = CollectionFactory.create(organization=organization, name="shared")
    ItemFactory.create(collection=collection, key=ACCOUNT, value="other")
    third = WorkspaceFactory.create(organization=organization)
    ReferenceFactory.create(workspace=third, collection=collection)
    fine = WorkspaceFactory.create(organization=organization)
    VariableFactory.create(workspace=fine, key=ACCOUNT, value="tf-a")
    allow_accounts(workspace, "tf-*")
    with django_assert_max_num_queries(5):
        found = list(violations([workspace, third, fine]))
    assert [(one.workspace, one.origin) for one in found] == [(workspace, "workspace"), (third, "collection shared")]


def test_an_unsaved_record_without_its_organization_is_checked_by_the_installations_rules(db: None) -> None:
    allow_accounts(None, "tf-*")
    with pytest.raises(ValidationError):
        GlobalVariable(key=ACCOUNT, value="admin", category=Category.ENV).clean()
    assert OrganizationFactory.create().policy_rules.count() == 0
