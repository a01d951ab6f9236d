"""One thing done with many workspaces of the list, shown before it is done."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import (
    PLAN,
    ItemFactory,
    OrganizationFactory,
    ReferenceFactory,
    TeamFactory,
    TemplateFactory,
    VariableFactory,
    WorkspaceFactory,
)
from workspaces.models import Access, Job, Organization, PolicyRule, Variable, Workspace
from workspaces.pods.catalogue import ENABLE
from workspaces.services import bulk

pytestmark = pytest.mark.django_db
LIST = reverse("admin:workspaces_workspace_changelist")
LIMIT = "EPHEMERAL_MEMORY_LIMIT"


@pytest.fixture
def three() -> list[Workspace]:
    organization = OrganizationFactory.create()
    TemplateFactory.create(organization=organization, name="Plan", tcl=PLAN)
    return [WorkspaceFactory.create(organization=organization) for _ in range(3)]


def do(client: Client, action: str, workspaces: list[Workspace], **data: str) -> Any:
    chosen = [str(workspace.pk) for workspace in workspaces]
    return client.post(LIST, {"action": action, "_selected_action": chosen, **data}, follow=True)


def values(name: str) -> list[str]:
    return sorted(Variable.objects.filter(key=name).values_list("value", flat=True))


def test_the_effect_is_shown_before_anything_changes(admin: Client, three: list[Workspace]) -> None:
    VariableFactory.create(workspace=three[0], key=LIMIT, value="1Gi")
    VariableFactory.create(workspace=three[1], key=LIMIT, value="2Gi", sensitive=True)
    page = do(admin, "set_setting", three, _preview="1", name=LIMIT, what="set", text="2Gi")
    effects = {row.workspace: (row.before, row.changes) for row in page.context["effects"]}
    assert effects == {three[0]: ("1Gi", True), three[1]: (None, True), three[2]: (None, True)}
    text = page.content.decode()
    assert "set, not shown" in text
    # Whether a sensitive text is the same is not told.
    assert "3 changes" in text
    assert "unchanged" not in text
    assert values(LIMIT) == ["1Gi", "2Gi"]


def test_a_setting_is_set_and_taken_away_everywhere(admin: Client, three: list[Workspace]) -> None:
    page = do(admin, "set_setting", three, _apply="1", name=ENABLE, what="set", text="1")
    assert "3 workspaces" in page.content.decode()
    assert values(ENABLE) == ["1", "1", "1"]
    do(admin, "set_setting", three[:2], _apply="1", name=ENABLE, what="take-away")
    assert values(ENABLE) == ["1"]


@pytest.mark.parametrize(
    ("name", "control"),
    [
        (LIMIT, 'data-editor="quantity"'),
        ("EPHEMERAL_CONFIG_TOLERATIONS", 'data-editor="tolerations"'),
        ("EPHEMERAL_CONFIG_TOLERATIONS_APPLY", 'data-editor="tolerations"'),
        ("EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT", 'data-editor="pod-security"'),
        (ENABLE, '<option value="0">On the machine of the worker</option>'),
        ("NOTHING", '<option value="0">On the machine of the worker</option>'),
    ],
)
def test_a_setting_is_entered_in_the_control_that_fits_it(
    admin: Client, three: list[Workspace], name: str, control: str
) -> None:
    page = do(admin, "set_setting", three, _choose="1", name=name).content.decode()
    assert control in page
    assert "terrakube/ephemeral.js" in page
    assert not Variable.objects.exists()


@pytest.mark.parametrize("button", ["_preview", "_apply"])
def test_a_wrong_text_is_refused_at_its_field_with_the_grammar_and_stays_typed(
    admin: Client, three: list[Workspace], button: str
) -> None:
    page = do(admin, "set_setting", three, **{button: "1"}, name=LIMIT, what="set", text="much")
    assert list(page.context["form"].errors) == ["text"]
    text = page.content.decode()
    assert "a Kubernetes quantity" in text
    assert 'value="much"' in text
    assert page.context["form"]["name"].value() == LIMIT
    assert all(f'value="{workspace.pk}"' in text for workspace in three)
    assert 'name="_apply"' not in text
    assert values(LIMIT) == []


def test_workspaces_that_refuse_are_named_and_the_others_change(admin: Client, three: list[Workspace]) -> None:
    VariableFactory.create(workspace=three[0], key="EPHEMERAL_MEMORY_REQUEST", value="4Gi")
    entered = {"name": LIMIT, "what": "set", "text": "2Gi"}
    page = do(admin, "set_setting", three, _preview="1", **entered)
    refused = {row.workspace: row.refused for row in page.context["effects"]}
    assert "is more than 2Gi" in refused.pop(three[0])
    assert set(refused.values()) == {""}
    text = do(admin, "set_setting", three, _apply="1", **entered).content.decode()
    assert "2 workspaces" in text
    assert three[0].name in text
    assert "is more than 2Gi" in text
    assert values(LIMIT) == ["2Gi", "2Gi"]


def test_a_rule_of_an_organization_refuses_its_own_workspaces_alone(admin: Client, three: list[Workspace]) -> None:
    other = WorkspaceFactory.create()
    PolicyRule.objects.create(organization=three[0].organization, setting=LIMIT, maximum="1Gi")
    entered = {"name": LIMIT, "what": "set", "text": "2Gi"}
    page = do(admin, "set_setting", [*three, other], _preview="1", **entered)
    refused = {row.workspace for row in page.context["effects"] if row.refused}
    assert refused == set(three)
    text = page.content.decode()
    assert "is more than 1Gi, the maximum of the policy of the organization" in text
    assert "3 refused" in text
    page = do(admin, "set_setting", [*three, other], _apply="1", **entered)
    assert "is more than 1Gi, the maximum of the policy of the organization" in page.content.decode()
    assert list(Variable.objects.values_list("workspace", "value")) == [(other.pk, "2Gi")]


def test_an_inherited_value_counts_in_the_preview_as_it_does_when_it_is_set(
    admin: Client, three: list[Workspace]
) -> None:
    """A request that a collection says is above the limit that would be set."""
    item = ItemFactory.create(
        collection__organization=three[0].organization, key="EPHEMERAL_MEMORY_REQUEST", value="4Gi"
    )
    ReferenceFactory.create(workspace=three[1], collection=item.collection)
    entered = {"name": LIMIT, "what": "set", "text": "2Gi"}
    page = do(admin, "set_setting", three, _preview="1", **entered)
    assert {row.workspace for row in page.context["effects"] if row.refused} == {three[1]}
    do(admin, "set_setting", three, _apply="1", **entered)
    assert set(Variable.objects.values_list("workspace", flat=True)) == {three[0].pk, three[2].pk}


def test_many_are_planned(admin: Client, three: list[Workspace]) -> None:
    without = WorkspaceFactory.create()
    text = do(admin, "plan", [*three, without]).content.decode()
    assert "Plan 3 workspaces" in text
    assert f"{without.organization.name} has no template named Plan." in text
    assert not Job.objects.exists()
    do(admin, "plan", [*three, without], _apply="1", comment="all of them")
    assert set(Job.objects.values_list("workspace_id", "comments")) == {(row.pk, "all of them") for row in three}


def test_a_comment_that_is_too_long_starts_nothing(admin: Client, three: list[Workspace]) -> None:
    page = do(admin, "plan", three, _apply="1", comment="x" * 513)
    assert list(page.context["form"].errors) == ["comment"]
    assert "x" * 513 in page.content.decode()
    assert not Job.objects.exists()


def test_who_may_not_is_refused_for_each(three: list[Workspace], sign_in: Callable[..., Client]) -> None:
    client = sign_in(three[0].organization, role="read")
    do(client, "set_setting", three, _apply="1", name=ENABLE, what="set", text="1")
    do(client, "plan", three, _apply="1")
    assert values(ENABLE) == []
    assert not Job.objects.exists()


def test_a_member_changes_the_marked_workspaces_that_they_manage_and_is_told_of_the_others(
    three: list[Workspace], sign_in: Callable[..., Client]
) -> None:
    """One whole organization by a team, one workspace of another by an access, and two that are only seen."""
    mine, seen = WorkspaceFactory.create(), WorkspaceFactory.create()
    client = sign_in(mine.organization, manage_workspace=True)
    user = User.objects.get(pk=client.session["_auth_user_id"])
    for organization in (three[0].organization, seen.organization):
        user.groups.add(Group.objects.create(name=TeamFactory.create(organization=organization, role="plan").name))
    user.groups.add(Group.objects.create(name="two"))
    Access.objects.create(workspace=three[1], name="two", manage_workspace=True)
    marked = [mine, *three, seen]
    entered = {"name": ENABLE, "what": "set", "text": "1"}
    page = do(client, "set_setting", marked, _preview="1", **entered)
    refused = {row.workspace: row.refused for row in page.context["effects"] if row.refused}
    assert set(refused) == {three[0], three[2], seen}
    assert refused[seen] == (
        f"You may not change the executor's settings in {seen.organization.name}: "
        "none of your teams there has the right manage_workspace."
    )
    page = do(client, "set_setting", marked, _apply="1", **entered)
    told = [str(message) for message in page.context["messages"]]
    assert f"2 workspaces: {ENABLE} set." in told
    assert f"{seen}: {refused[seen]}" in told
    assert set(Variable.objects.values_list("workspace", flat=True)) == {mine.pk, three[1].pk}


def test_what_a_member_may_not_see_cannot_be_marked(three: list[Workspace], sign_in: Callable[..., Client]) -> None:
    mine = WorkspaceFactory.create()
    client = sign_in(mine.organization, manage_workspace=True)
    entered = {"name": ENABLE, "what": "set", "text": "1"}
    page = do(client, "set_setting", [mine, *three], _preview="1", **entered)
    assert [row.workspace for row in page.context["effects"]] == [mine]
    do(client, "set_setting", [mine, *three], _apply="1", **entered)
    assert set(Variable.objects.values_list("workspace", flat=True)) == {mine.pk}


def test_each_change_is_written_down_with_who_made_it_and_no_refused_one_is(
    admin: Client, three: list[Workspace]
) -> None:
    VariableFactory.create(workspace=three[0], key="EPHEMERAL_MEMORY_REQUEST", value="4Gi")
    VariableFactory.create(workspace=three[1], key=LIMIT, value="1Gi", sensitive=True)
    LogEntry.objects.all().delete()
    do(admin, "set_setting", three, _apply="1", name=LIMIT, what="set", text="2Gi")
    entries = LogEntry.objects.get_for_model(Variable)
    stored = Variable.objects.filter(key=LIMIT)
    assert {entry.object_pk for entry in entries} == {str(row.pk) for row in stored}
    assert {entry.actor.email for entry in entries if entry.actor} == {"root@site.example"}
    assert sorted(entry.action for entry in entries) == [LogEntry.Action.CREATE, LogEntry.Action.UPDATE]
    assert "2Gi" not in str([entry.changes for entry in entries])
    LogEntry.objects.all().delete()
    do(admin, "set_setting", three[1:], _apply="1", name=LIMIT, what="take-away")
    assert [entry.action for entry in LogEntry.objects.get_for_model(Variable)] == [LogEntry.Action.DELETE] * 2


def many(organization: Organization, number: int) -> None:
    workspaces = Workspace.objects.bulk_create(
        Workspace(organization=organization, name=f"many-{n}", source="https://git.example/a.git", branch="main")
        for n in range(number)
    )
    Variable.objects.bulk_create(
        Variable(workspace=workspace, key=LIMIT, value=f"{n + 1}Mi", category="ENV")
        for n, workspace in enumerate(workspaces)
    )


@pytest.mark.parametrize(("action", "entered"), [("set_setting", {"_preview": "1"}), ("plan", {})])
def test_a_preview_of_499_asks_the_database_no_more_often_than_one_of_3(
    three: list[Workspace], sign_in: Callable[..., Client], action: str, entered: dict[str, str]
) -> None:
    organization = three[0].organization
    client = sign_in(organization, manage_workspace=True, plan_job=True)
    many(organization, 496)
    entered = {"name": LIMIT, "what": "set", "text": "2Mi", **entered}

    def queries(workspaces: list[Workspace]) -> int:
        with CaptureQueriesContext(connection) as captured:
            page = do(client, action, workspaces, **entered)
        assert len(page.context["effects"]) == len(workspaces)
        assert not any(row.refused for row in page.context["effects"])
        return len(captured)

    assert queries(list(Workspace.objects.all())) == queries(three) <= 30


def test_all_of_a_list_of_several_pages_are_marked_at_once_and_its_filter_counts(
    admin: Client, three: list[Workspace]
) -> None:
    many(three[0].organization, 60)
    WorkspaceFactory.create(name="another")
    address = f"{LIST}?q=many"
    page = admin.get(address)
    assert len(page.context["cl"].result_list) == 50
    assert "Select all 60 workspaces" in page.content.decode()
    first = str(page.context["cl"].result_list[0].pk)
    data = {"action": "set_setting", "_selected_action": first, "select_across": "1", "index": "0"}
    page = admin.post(address, data)
    assert len(page.context["chosen"]) == 60
    # The page that asks names each, so that what is done later is what was shown.
    sent = re.findall(r'name="_selected_action" value="([^"]+)"', page.content.decode())
    assert len(sent) == 60
    entered = {"name": LIMIT, "what": "set", "text": "7Gi", "_apply": "1"}
    admin.post(address, {"action": "set_setting", "_selected_action": sent, **entered})
    assert values(LIMIT) == ["7Gi"] * 60


def test_more_than_are_done_at_once_are_left_out_and_counted(
    admin: Client, three: list[Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_WORKSPACES", 2)
    text = do(admin, "plan", three).content.decode()
    assert "At most 2 workspaces are changed at once; 1 more are left out." in text
    assert "left out" not in do(admin, "plan", three[:2]).content.decode()
