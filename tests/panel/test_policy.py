"""Policies in the panel: their own pages, and what they do to a workspace's section and preview."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import VariableFactory, WorkspaceFactory
from tests.panel.forms import submit
from tests.panel.test_executor_section import address_of, save, stored
from tests.support.markup import without_breaks
from workspaces.models import PolicyRule, Variable, Workspace
from workspaces.services import policy

pytestmark = pytest.mark.django_db

ENABLE = "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR"
ACCOUNT = "EPHEMERAL_CONFIG_SERVICE_ACCOUNT"
SELECTOR = "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS"
MEMORY = "EPHEMERAL_MEMORY_LIMIT"
ADD = "/admin/workspaces/policyrule/add/"
LIST = "/admin/workspaces/policyrule/"


def test_an_administrator_writes_a_rule_and_sees_the_built_in_ones(workspace: Workspace, admin: Client) -> None:
    answer = submit(admin, ADD, "policyrule_form", {"setting": ACCOUNT, "allowed": "tf-*\r\nrunner\r\n"})
    assert answer.status_code == 302
    rule = PolicyRule.objects.get()
    assert (rule.organization, rule.allowed, rule.updated_by) == (None, "tf-*\nrunner", "root@site.example")
    page = admin.get(LIST).content.decode()
    assert "allowed tf-*, runner" in page
    assert "allowPrivilegeEscalation=true" in page
    below = {"organization": str(workspace.organization_id), "setting": ACCOUNT, "allowed": "*"}
    page = submit(admin, ADD, "policyrule_form", below).content.decode()
    assert "is not within what the policy of the installation allows: tf-*, runner." in page
    change = reverse("admin:workspaces_policyrule_change", args=[rule.pk])
    assert submit(admin, change, "policyrule_form", {"allowed": "tf-*"}).status_code == 302
    rule.refresh_from_db()
    assert rule.allowed == "tf-*"


def test_a_rule_that_is_being_written_says_who_would_break_it_and_is_not_saved(
    workspace: Workspace, admin: Client
) -> None:
    for name, text in ((ENABLE, "1"), (ACCOUNT, "admin")):
        VariableFactory.create(workspace=workspace, key=name, value=text)
    other = WorkspaceFactory.create()
    VariableFactory.create(workspace=other, key=ENABLE, value="1")
    entered = {"setting": ACCOUNT, "effect": "limited", "allowed": "tf-*", "_rule": ""}
    page = admin.post(f"{LIST}preview/", entered)
    (found,) = page.context["violations"]
    assert (found.workspace, found.origin) == (workspace, "workspace")
    assert page.context["asked"] == 2
    assert "is not allowed by the policy of the installation; allowed: tf-*" in page.content.decode()
    assert not PolicyRule.objects.exists()
    page = admin.post(f"{LIST}preview/", {**entered, "organization": str(other.organization_id)})
    assert page.context["violations"] == []
    assert "is not a quantity" in admin.post(f"{LIST}preview/", {**entered, "maximum": "1Gi"}).content.decode()
    assert admin.get(f"{LIST}violations/").context["violations"] == []
    PolicyRule.objects.create(setting=ACCOUNT, effect="forbidden")
    assert len(admin.get(f"{LIST}violations/").context["violations"]) == 1


def test_a_member_reads_the_rules_and_writes_none(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    client = sign_in(workspace.organization, manage_workspace=True)
    rule = PolicyRule.objects.create(setting=ACCOUNT, effect="forbidden", reason="Ask us.")
    assert "Ask us." in client.get(LIST).content.decode()
    change = reverse("admin:workspaces_policyrule_change", args=[rule.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {"effect": "limited", "allowed": "*"}).status_code == 403
    assert client.get(ADD).status_code == 403
    assert client.post(f"{LIST}preview/", {"setting": ACCOUNT, "_rule": ""}).status_code == 403
    assert client.post(f"{LIST}preview/", {"setting": ACCOUNT, "_rule": str(rule.pk)}).status_code == 403
    rule.refresh_from_db()
    assert rule.effect == "forbidden"


def test_a_locked_setting_is_shown_with_its_reason_and_cannot_be_changed(workspace: Workspace, admin: Client) -> None:
    PolicyRule.objects.create(
        setting=SELECTOR, effect="locked", value="pool=tf", reason="Only this pool has the proxy."
    )
    PolicyRule.objects.create(setting=ENABLE, effect="locked", value="1")
    PolicyRule.objects.create(organization=workspace.organization, setting=MEMORY, value="1Gi", maximum="4Gi")
    page = admin.get(address_of(workspace))
    executor = page.context["adminform"].form.executor
    entry = executor.entry(SELECTOR)
    assert (entry.inherited, entry.origin) == ("pool=tf", "the policy of the installation")
    assert entry.lock.reason == "Only this pool has the proxy."
    assert executor.is_on
    memory = executor.entry(MEMORY)
    assert (memory.inherited, memory.limits) == ("1Gi", ("At most 4Gi (the policy of the organization).",))
    text = page.content.decode()
    assert "Only this pool has the proxy." in text
    assert "At most 4Gi (the policy of the organization)." in text
    answer = save(admin, workspace, **{SELECTOR: "pool=gpu"})
    assert answer.status_code == 200
    assert "is locked to &quot;pool=tf&quot; by the policy of the installation" in answer.content.decode()
    assert stored(workspace) == {}


def test_a_variable_that_is_older_than_a_lock_stays_until_it_is_taken_away(workspace: Workspace, admin: Client) -> None:
    VariableFactory.create(workspace=workspace, key=SELECTOR, value="pool=gpu")
    VariableFactory.create(workspace=workspace, key=ENABLE, value="0")
    PolicyRule.objects.create(setting=SELECTOR, effect="locked", value="pool=tf")
    PolicyRule.objects.create(setting=ENABLE, effect="locked", value="1")
    page = admin.get(address_of(workspace)).content.decode()
    assert "Steps are not launched with this value." in page
    assert submit(admin, address_of(workspace), "workspace_form", {"description": "x"}).status_code == 302
    assert stored(workspace) == {SELECTOR: "pool=gpu", ENABLE: "0"}
    assert save(admin, workspace, **{SELECTOR: None, ENABLE: ""}).status_code == 302
    assert stored(workspace) == {}


def test_the_preview_says_what_a_policy_adds_locks_and_refuses(workspace: Workspace, admin: Client) -> None:
    VariableFactory.create(workspace=workspace, key=ACCOUNT, value="admin")
    VariableFactory.create(workspace=workspace, key=ENABLE, value="1")
    PolicyRule.objects.create(setting=SELECTOR, effect="locked", value="pool=tf", reason="Proxy.")
    PolicyRule.objects.create(setting=ACCOUNT, allowed="tf-*")
    page = admin.get(reverse("admin:workspaces_workspace_preview", args=[workspace.pk]))
    rows = {row.name: row for row in page.context["origins"]}
    assert (rows[SELECTOR].value, rows[SELECTOR].origin) == ("pool=tf", "the policy of the installation")
    assert rows[SELECTOR].lock.reason == "Proxy."
    assert rows[ACCOUNT].origin == "workspace"
    assert "pool: tf" in page.context["text"]
    assert page.context["errors"] == [
        f'{ACCOUNT}: "admin" is not allowed by the policy of the installation; allowed: tf-*.'
    ]
    shown = without_breaks(page.content.decode())
    assert ">Locked</span>By the policy of the installation. Proxy." in shown


def test_the_list_of_workspaces_says_where_a_policy_lets_them_run(workspace: Workspace, admin: Client) -> None:
    PolicyRule.objects.create(setting=ENABLE, value="1")
    page = admin.get(reverse("admin:workspaces_workspace_changelist")).content.decode()
    assert 'title="Set by: the policy of the installation"' in page


def test_an_edited_variable_row_that_breaks_a_rule_says_so_at_its_value(workspace: Workspace, admin: Client) -> None:
    PolicyRule.objects.create(setting=ACCOUNT, effect="forbidden")
    entered = {
        "workspace": str(workspace.pk),
        "key": ACCOUNT,
        "value": "a",
        "category": "ENV",
    }
    page = submit(admin, reverse("admin:workspaces_variable_add"), "variable_form", entered)
    assert page.status_code == 200
    assert page.context["adminform"].form.errors["value"] == [
        f"{ACCOUNT} is forbidden by the policy of the installation."
    ]


@pytest.fixture
def with_account(workspace: Workspace) -> Workspace:
    """A workspace whose pods have a service account of its own."""
    for name, text in ((ENABLE, "1"), (ACCOUNT, "admin")):
        VariableFactory.create(workspace=workspace, key=name, value=text)
    return workspace


def confirmation(page: str) -> str:
    found = re.search(r'name="_confirmed"\s+value="(\w+)"', page)
    assert found is not None
    return found[1]


def test_a_rule_that_refuses_workspaces_is_saved_by_a_second_button_only(
    with_account: Workspace, admin: Client
) -> None:
    WorkspaceFactory.create()
    entered = {"setting": ACCOUNT, "allowed": "tf-*"}
    page = submit(admin, ADD, "policyrule_form", entered).content.decode()
    assert not PolicyRule.objects.exists()
    assert "this rule would refuse the next step of 1 workspace." in page
    assert "1 of 2 workspaces would be refused" in " ".join(page.split())
    assert f"{reverse('admin:workspaces_workspace_pods', args=[with_account.pk])}#setting-{ACCOUNT}" in page
    assert "tf-*</textarea>" in page
    key = confirmation(page)
    # What was confirmed is that rule and no other.
    page = submit(admin, ADD, "policyrule_form", {**entered, "allowed": "runner", "_confirmed": key}).content.decode()
    assert not PolicyRule.objects.exists()
    assert confirmation(page) != key
    assert submit(admin, ADD, "policyrule_form", {**entered, "_confirmed": key}).status_code == 302
    assert PolicyRule.objects.get().allowed == "tf-*"


def test_a_changed_rule_asks_for_what_it_newly_refuses_alone(with_account: Workspace, admin: Client) -> None:
    rule = PolicyRule.objects.create(setting=ACCOUNT, allowed="tf-*")
    change = reverse("admin:workspaces_policyrule_change", args=[rule.pk])
    # Refused already.
    assert submit(admin, change, "policyrule_form", {"allowed": "tf-net-*"}).status_code == 302
    other = WorkspaceFactory.create(organization=with_account.organization)
    for name, text in ((ENABLE, "1"), (ACCOUNT, "tf-net-a")):
        VariableFactory.create(workspace=other, key=name, value=text)
    page = submit(admin, change, "policyrule_form", {"allowed": "tf-dns-*"}).content.decode()
    assert "1 of 2 workspaces would be refused" in " ".join(page.split())
    assert f">{other.name}<" in page
    assert f">{with_account.name}<" not in page
    rule.refresh_from_db()
    assert rule.allowed == "tf-net-*"
    # A reason refuses nothing.
    assert submit(admin, change, "policyrule_form", {"reason": "Ask us."}).status_code == 302


def test_a_rule_of_an_organization_and_of_one_step_type_asks_too(with_account: Workspace, admin: Client) -> None:
    VariableFactory.create(workspace=with_account, key=f"{ACCOUNT}_APPLY", value="applier")
    stranger = WorkspaceFactory.create().organization
    entered = {"setting": ACCOUNT, "allowed": "admin"}
    elsewhere = {**entered, "organization": str(stranger.pk)}
    assert submit(admin, ADD, "policyrule_form", elsewhere).status_code == 302
    page = submit(admin, ADD, "policyrule_form", {**entered, "organization": str(with_account.organization_id)})
    assert "1 of 1 workspaces would be refused" in " ".join(page.content.decode().split())
    assert f"{ACCOUNT}_APPLY" in page.content.decode()


def test_what_a_rule_does_to_many_workspaces_takes_the_same_queries(
    with_account: Workspace, django_assert_max_num_queries: Callable[..., object]
) -> None:
    Workspace.objects.bulk_create(
        WorkspaceFactory.build(organization=with_account.organization, name=f"many-{number}") for number in range(1500)
    )
    many = Workspace.objects.filter(name__startswith="many-")
    Variable.objects.bulk_create(
        VariableFactory.build(workspace=one, key=key, value=text)
        for one in many
        for key, text in ((ENABLE, "1"), (ACCOUNT, "admin"))
    )
    with django_assert_max_num_queries(7):  # type: ignore[attr-defined]
        found = policy.consequences_of(PolicyRule(setting=ACCOUNT, effect="forbidden"), most=20)
    assert (found.checked, found.refused, len(found.first)) == (1501, 1501, 20)


def test_the_list_of_workspaces_says_which_ones_a_rule_refuses(with_account: Workspace, admin: Client) -> None:
    address = reverse("admin:workspaces_workspace_changelist")
    assert "Refused by policy" not in admin.get(address).content.decode()
    PolicyRule.objects.create(setting=ACCOUNT, effect="forbidden", reason="Ask us.")
    page = admin.get(address).content.decode()
    assert "Refused by policy" in page
    assert f'title="{ACCOUNT} is forbidden by the policy of the installation. Ask us."' in page


def test_the_fields_of_a_rule_are_explained_with_examples(admin: Client) -> None:
    page = admin.get(ADD).content.decode()
    assert "1 GiB by default, at most 8 GiB" in page
    assert "Examples: tf-*, pool=tf-*." in page
    rule = PolicyRule.objects.create(setting=ACCOUNT, allowed="tf-*")
    page = admin.get(reverse("admin:workspaces_policyrule_change", args=[rule.pk])).content.decode()
    assert f"<code>{ACCOUNT}</code>: " in page


def test_a_workspace_that_a_rule_refuses_says_so_at_its_top(with_account: Workspace, admin: Client) -> None:
    address = reverse("admin:workspaces_workspace_overview", args=[with_account.pk])
    said = "A policy rule refuses this workspace"
    assert said not in admin.get(address).content.decode()
    PolicyRule.objects.create(setting=ACCOUNT, effect="forbidden", reason="Ask us.")
    page = admin.get(address).content.decode()
    assert page.index(said) < page.index("is forbidden by the policy of the installation. Ask us.")
    assert reverse("admin:workspaces_workspace_pods", args=[with_account.pk]) in page[page.index(said) :]
