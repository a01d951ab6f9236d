"""One thing done with many workspaces of the list, shown before it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import OrganizationFactory, TemplateFactory, VariableFactory, WorkspaceFactory
from workspaces.ephemeral.variables import ENABLE
from workspaces.models import Job, Variable, Workspace

pytestmark = pytest.mark.django_db
LIST = reverse("admin:workspaces_workspace_changelist")
LIMIT = "EPHEMERAL_MEMORY_LIMIT"


@pytest.fixture
def three() -> list[Workspace]:
    organization = OrganizationFactory.create()
    TemplateFactory.create(organization=organization, name="Plan")
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
    assert effects == {three[0]: ("1Gi", True), three[1]: (None, False), three[2]: (None, True)}
    assert "set, not shown" in page.content.decode()
    assert values(LIMIT) == ["1Gi", "2Gi"]


def test_a_setting_is_set_and_taken_away_everywhere(admin: Client, three: list[Workspace]) -> None:
    page = do(admin, "set_setting", three, _apply="1", name=ENABLE, what="set", text="1")
    assert "3 workspaces" in page.content.decode()
    assert values(ENABLE) == ["1", "1", "1"]
    do(admin, "set_setting", three[:2], _apply="1", name=ENABLE, what="take-away")
    assert values(ENABLE) == ["1"]


def test_a_wrong_text_is_refused_with_the_grammar(admin: Client, three: list[Workspace]) -> None:
    page = do(admin, "set_setting", three, _apply="1", name=LIMIT, what="set", text="much")
    assert "a Kubernetes quantity" in page.content.decode()
    assert values(LIMIT) == []


def test_workspaces_that_refuse_are_named_and_the_others_change(admin: Client, three: list[Workspace]) -> None:
    VariableFactory.create(workspace=three[0], key="EPHEMERAL_MEMORY_REQUEST", value="4Gi")
    page = do(admin, "set_setting", three, _apply="1", name=LIMIT, what="set", text="2Gi").content.decode()
    assert "2 workspaces" in page
    assert three[0].name in page
    assert "is more than 2Gi" in page
    assert values(LIMIT) == ["2Gi", "2Gi"]


def test_many_are_planned(admin: Client, three: list[Workspace]) -> None:
    assert "Plan 3 workspaces" in do(admin, "plan", three).content.decode()
    assert not Job.objects.exists()
    do(admin, "plan", three, _apply="1", comment="all of them")
    assert set(Job.objects.values_list("workspace_id", "comments")) == {(row.pk, "all of them") for row in three}


def test_who_may_not_is_refused_for_each(three: list[Workspace], sign_in: Callable[..., Client]) -> None:
    client = sign_in(three[0].organization, role="read")
    do(client, "set_setting", three, _apply="1", name=ENABLE, what="set", text="1")
    do(client, "plan", three, _apply="1")
    assert values(ENABLE) == []
    assert not Job.objects.exists()
