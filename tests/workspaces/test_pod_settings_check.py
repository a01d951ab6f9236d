"""What the check of pod settings reads and parses, whom it blames, and what it leaves to others."""

from __future__ import annotations

import html
import threading
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from tests.factories import (
    CollectionFactory,
    ItemFactory,
    VariableFactory,
    WorkspaceFactory,
)
from tests.panel.forms import submit
from tests.support.work import kept_statements
from tests.workspaces.pod_settings import (
    APPLY_LIMIT,
    CPU,
    CPU_LIMIT,
    CPU_SENTENCE,
    ENABLE,
    MEMORY,
    MEMORY_LIMIT,
    TOLERATIONS,
    UNCOVERED,
    Case,
    address,
    answer_of,
    api,
    browser,
    new,
    page_of,
    send,
    service,
    stored,
)
from workspaces.choices import Category
from workspaces.errors import WrongSettings
from workspaces.models import Collection, PolicyRule
from workspaces.pods import grammar
from workspaces.services import bulk
from workspaces.services.ephemeral import change_settings
from workspaces.services.records import delete_record, update_record
from workspaces.services.workspaces import set_variable
from workspaces.variables.pod_settings_check import checked_together

pytestmark = pytest.mark.django_db


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every text that is parsed, with the name of its variable."""
    found: list[tuple[str, str]] = []
    read: Any = grammar.read

    def counted(name: str, text: str | None, *reader: Any) -> Any:
        if text is not None:
            found.append((name, text))
        return read(name, text, *reader)

    monkeypatch.setattr(grammar, "read", counted)
    return found


def test_a_text_that_can_contradict_no_other_is_parsed_alone(parsed: list[tuple[str, str]]) -> None:
    workspace = Case(own={CPU: "1"}, name=CPU, text=None, sentence="").store()
    for text in ("spot", "spot;gpu"):
        change_settings(workspace, {TOLERATIONS: text}, by=None)
    assert parsed == [(TOLERATIONS, "spot"), (TOLERATIONS, "spot;gpu")]


def test_a_setting_is_read_and_parsed_once_in_a_save(parsed: list[tuple[str, str]]) -> None:
    own = {CPU_LIMIT: "8", APPLY_LIMIT: "6"}
    workspace = Case(own=own, organization={MEMORY_LIMIT: "2Gi"}, name=CPU, text=None, sentence="").store()
    with kept_statements() as statements:
        change_settings(workspace, {CPU: "4", TOLERATIONS: "spot"}, by=None)
    texts = own | {MEMORY_LIMIT: "2Gi", CPU: "4", TOLERATIONS: "spot"}
    assert sorted(parsed) == sorted(texts.items())
    for table in ("globalvariable", "item", "policyrule"):
        assert sum(f'FROM "workspaces_{table}"' in statement for statement in statements) == 1


def test_only_what_is_wrong_by_itself_is_told_of_settings_that_are_entered_together() -> None:
    workspace = Case(own={CPU_LIMIT: "2"}, policy={MEMORY: "1Gi"}, name=CPU, text=None, sentence="").store()
    with pytest.raises(WrongSettings) as caught:
        change_settings(workspace, {CPU: "4", MEMORY: "2Gi", TOLERATIONS: ":Exists"}, by=None)
    assert list(caught.value.fields) == [MEMORY, TOLERATIONS]
    assert '"2Gi" is more than 1Gi, the maximum of the policy' in caught.value.fields[MEMORY]
    assert '":Exists" has no key' in caught.value.fields[TOLERATIONS]
    assert stored(workspace) == {CPU_LIMIT: "2"}


def test_a_sentence_of_a_rule_that_quotes_a_sensitive_setting_is_not_told() -> None:
    workspace = Case(own={MEMORY: "1234Mi"}, sensitive=frozenset({MEMORY}), name=MEMORY, text=None, sentence="").store()
    PolicyRule.objects.create(setting=MEMORY, maximum="1Gi", reason="Nobody needs 4321Mi.")
    with pytest.raises(WrongSettings) as caught:
        change_settings(workspace, {MEMORY: "4321Mi"}, by=None)
    assert caught.value.fields == {
        MEMORY: f"{MEMORY}: its value is not allowed. The value is sensitive, so no details are shown."
    }
    (shown,) = bulk.preview_setting([workspace], MEMORY, "4321Mi", by=None)
    assert shown.refused == caught.value.message


def test_an_annotation_with_a_nul_character_is_refused() -> None:
    workspace, name = WorkspaceFactory.create(), "EPHEMERAL_CONFIG_ANNOTATIONS"
    with pytest.raises(WrongSettings, match=f"{name}: its value must not contain a NUL character. The format is "):
        change_settings(workspace, {name: "owner=net\0"}, by=None)
    assert stored(workspace) == {}


@pytest.mark.parametrize("is_record_first", [True, False], ids=["record first", "settings first"])
def test_records_and_settings_that_are_changed_together_are_compared_as_they_are_at_the_end(
    is_record_first: bool,
) -> None:
    workspace = Case(own={CPU: "1", CPU_LIMIT: "2"}, name=CPU, text=None, sentence="").store()

    def change(request: str, limit: str) -> None:
        with checked_together():
            if is_record_first:
                set_variable(workspace, by=None, key=CPU_LIMIT, value=limit, category=Category.ENV)
            change_settings(workspace, {CPU: request}, by=None)
            if not is_record_first:
                set_variable(workspace, by=None, key=CPU_LIMIT, value=limit, category=Category.ENV)

    change("4", "8")
    with pytest.raises(WrongSettings, match='"8" is more than 6'):
        change("8", "6")
    change("1", "2")
    assert stored(workspace) == {CPU: "1", CPU_LIMIT: "2"}


# ---- what is stored already, and what others set --------------------------------------------------------------------


def test_what_contradicts_since_before_stays_and_is_mended_one_by_one() -> None:
    own = {CPU: "4", CPU_LIMIT: "2", MEMORY: "2Gi", MEMORY_LIMIT: "1Gi"}
    workspace = Case(own=own, name=CPU, text=None, sentence="").store()
    set_variable(workspace, by=None, key=TOLERATIONS, value="spot", category=Category.ENV)
    set_variable(workspace, by=None, key=CPU_LIMIT, value="2", category=Category.ENV)
    page = html.unescape(browser().get(address(workspace)).content.decode())
    assert CPU_SENTENCE in page
    set_variable(workspace, by=None, key=CPU_LIMIT, value="4", category=Category.ENV)
    with pytest.raises(WrongSettings, match="more than 3"):
        set_variable(workspace, by=None, key=CPU_LIMIT, value="3", category=Category.ENV)
    delete_record(workspace.variables.get(key=MEMORY_LIMIT), by=None)
    assert stored(workspace) == {CPU: "4", CPU_LIMIT: "4", MEMORY: "2Gi", TOLERATIONS: "spot"}


@pytest.mark.parametrize("changes", [{"key": CPU}, {"category": Category.ENV}], ids=["renamed", "moved"])
def test_a_variable_that_becomes_a_setting_is_checked_with_the_others(changes: dict[str, str]) -> None:
    workspace = Case(own={CPU_LIMIT: "2"}, name=CPU, text=None, sentence="").store()
    before = {"key": "OTHER"} if "key" in changes else {"key": CPU, "category": Category.TERRAFORM}
    variable = VariableFactory.create(workspace=workspace, value="4", **before)
    with pytest.raises(WrongSettings, match="is more than 2"):
        update_record(variable, changes, by=None)


def test_a_setting_that_is_renamed_uncovers_what_it_overrode() -> None:
    own = {CPU: "4", CPU_LIMIT: "8"}
    workspace = Case(own=own, organization={CPU_LIMIT: "2"}, name=CPU, text=None, sentence="").store()
    with pytest.raises(WrongSettings, match="is more than 2"):
        update_record(workspace.variables.get(key=CPU_LIMIT), {"key": "OTHER"}, by=None)


def test_what_an_organization_sets_wrongly_is_not_held_against_its_workspaces() -> None:
    workspace = Case(organization={CPU: "4", CPU_LIMIT: "2"}, name=CPU, text=None, sentence="").store()
    set_variable(workspace, by=None, key=MEMORY, value="1Gi", category=Category.ENV)
    set_variable(workspace, by=None, key=ENABLE, value="1", category=Category.ENV)
    assert CPU_SENTENCE in html.unescape(browser().get(address(workspace)).content.decode())
    set_variable(workspace, by=None, key=CPU_LIMIT, value="4", category=Category.ENV)


def test_an_organization_and_a_collection_may_not_contradict_themselves() -> None:
    workspace = WorkspaceFactory.create()
    organization, collection = workspace.organization, CollectionFactory.create(organization=workspace.organization)
    owner = api()
    for base, kind in (
        (f"organization/{organization.pk}/globalvar", "globalvar"),
        (f"organization/{organization.pk}/collection/{collection.pk}/item", "item"),
    ):
        owner.made(base, kind, new(CPU_LIMIT, "2"))
        assert CPU_SENTENCE in answer_of(owner.post(base, kind, new(CPU, "4")))
        together = [{"op": "add", "href": base, "data": {"type": kind, "attributes": new(MEMORY, "2Gi")}}]
        together += [{"op": "add", "href": base, "data": {"type": kind, "attributes": new(MEMORY_LIMIT, "1Gi")}}]
        assert '"2Gi" is more than 1Gi' in answer_of(send(*together))


def test_an_organization_that_contradicts_a_workspace_is_told_there_and_not_refused() -> None:
    workspace = Case(own={CPU: "4"}, name=CPU, text=None, sentence="").store()
    base = f"organization/{workspace.organization_id}/globalvar"
    api().made(base, "globalvar", new(CPU_LIMIT, "2"))
    assert CPU_SENTENCE in html.unescape(browser().get(address(workspace)).content.decode())


def test_a_collection_is_used_only_where_it_goes_with_the_workspaces_own_settings() -> None:
    workspace = Case(own={CPU: "4"}, name=CPU, text=None, sentence="").store()
    collection: Collection = CollectionFactory.create(organization=workspace.organization)
    ItemFactory.create(collection=collection, key=CPU_LIMIT, value="2")
    wanted = {"collection": ("collection", collection.pk), "workspace": ("workspace", workspace.pk)}
    assert CPU_SENTENCE in answer_of(api().post("reference", "reference", {"description": "x"}, wanted))
    set_variable(workspace, by=None, key=CPU, value="1", category=Category.ENV)
    api().made("reference", "reference", {"description": "x"}, wanted)


def test_the_page_of_a_collection_says_a_contradiction_at_its_row() -> None:
    collection: Collection = CollectionFactory.create()
    ItemFactory.create(collection=collection, key=CPU_LIMIT, value="2")
    sent = {"items-1-key": CPU, "items-1-category": "ENV", "items-1-value": "4", "items-TOTAL_FORMS": "2"}
    place = reverse("admin:workspaces_collection_change", args=[collection.pk])
    assert CPU_SENTENCE in page_of(submit(browser(), place, "collection_form", sent))


def test_a_page_that_cannot_show_the_sentence_at_a_field_says_it_above() -> None:
    workspace = UNCOVERED.store()
    row = workspace.variables.get(key=CPU_LIMIT)
    place = reverse("admin:workspaces_variable_delete", args=[row.pk])
    assert CPU_SENTENCE in html.unescape(browser().post(place, {"post": "yes"}, follow=True).content.decode())
    place = reverse("admin:workspaces_variable_change", args=[row.pk])
    response = submit(browser(), place, "variable_form", {"key": "OTHER"}, follow=True)
    assert CPU_SENTENCE in html.unescape(response.content.decode())
    assert stored(workspace) == UNCOVERED.own


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_requests_that_contradict_each_other_take_turns() -> None:
    workspace = WorkspaceFactory.create()
    is_written, said = threading.Event(), []

    def second() -> None:
        try:
            is_written.wait(60)
            said.append(service(workspace, CPU_LIMIT, "2"))
        finally:
            connection.close()

    thread = threading.Thread(target=second)
    thread.start()
    with checked_together():
        set_variable(workspace, by=None, key=CPU, value="4", category=Category.ENV)
        is_written.set()
        # It waits for the lock, or has not come to it; either way it must see this change.
        thread.join(1)
    thread.join(60)
    assert CPU_SENTENCE in said[0]
    assert stored(workspace) == {CPU: "4"}
