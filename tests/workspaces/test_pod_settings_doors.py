"""Every door refuses the same contradictory pod settings with the same sentence."""

from __future__ import annotations

import html
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import workspaces.api.urls  # noqa: F401 - registers the types that operations name
from tests.api.client import Api, token_of
from tests.factories import (
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    ReferenceFactory,
    UserFactory,
    VariableFactory,
    WorkspaceFactory,
)
from tests.panel.forms import submit
from workspaces.choices import Category
from workspaces.errors import WrongSettings
from workspaces.models import Collection, PolicyRule, Variable, Workspace
from workspaces.pods import grammar
from workspaces.services import bulk
from workspaces.services.ephemeral import change_settings
from workspaces.services.records import delete_record, update_record
from workspaces.services.workspaces import set_variable
from workspaces.variables.pod_settings_check import checked_together

pytestmark = pytest.mark.django_db

CPU, CPU_LIMIT = "EPHEMERAL_CPU_REQUEST", "EPHEMERAL_CPU_LIMIT"
APPLY_LIMIT = f"{CPU_LIMIT}_APPLY"
MEMORY, MEMORY_LIMIT = "EPHEMERAL_MEMORY_REQUEST", "EPHEMERAL_MEMORY_LIMIT"
CACHE, FILES, FILES_PATH = "TF_PLUGIN_CACHE_DIR", "EPHEMERAL_CONFIG_MAP_NAME", "EPHEMERAL_CONFIG_MAP_MOUNT_PATH"
ENABLE = "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR"
TOLERATIONS = "EPHEMERAL_CONFIG_TOLERATIONS"
CPU_SENTENCE = f'{CPU}: "4" is more than 2, the value of {CPU_LIMIT}. The format is '


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is stored, the one change that is tried, and the sentence that refuses it."""

    own: Mapping[str, str] = field(default_factory=dict)
    sensitive: frozenset[str] = frozenset()
    organization: Mapping[str, str] = field(default_factory=dict)
    collection: Mapping[str, str] = field(default_factory=dict)
    policy: Mapping[str, str] = field(default_factory=dict)
    name: str
    text: str | None
    sentence: str

    def store(self) -> Workspace:
        workspace = WorkspaceFactory.create()
        for key, value in self.own.items():
            VariableFactory.create(workspace=workspace, key=key, value=value, sensitive=key in self.sensitive)
        for key, value in self.organization.items():
            GlobalVariableFactory.create(organization=workspace.organization, key=key, value=value)
        collection = CollectionFactory.create(organization=workspace.organization)
        for key, value in self.collection.items():
            ItemFactory.create(collection=collection, key=key, value=value)
        ReferenceFactory.create(workspace=workspace, collection=collection)
        for key, most in self.policy.items():
            PolicyRule.objects.create(setting=key, maximum=most)
        return workspace


CASES = {
    "a request above its limit": Case(own={CPU_LIMIT: "2"}, name=CPU, text="4", sentence=CPU_SENTENCE),
    "a limit below its request": Case(own={CPU: "4"}, name=CPU_LIMIT, text="2", sentence=CPU_SENTENCE),
    "a limit of applies below the request of all steps": Case(
        own={CPU: "4"},
        name=APPLY_LIMIT,
        text="2",
        sentence=f'{CPU}: "4" is more than 2, the value of {APPLY_LIMIT}. The format is ',
    ),
    "a request above the organization's limit": Case(
        organization={CPU_LIMIT: "2"}, name=CPU, text="4", sentence=CPU_SENTENCE
    ),
    "a limit below a collection's request": Case(
        collection={CPU: "4"}, name=CPU_LIMIT, text="2", sentence=CPU_SENTENCE
    ),
    "a request above the default of a policy": Case(
        own={ENABLE: "1"}, policy={CPU_LIMIT: "2"}, name=CPU, text="4", sentence=CPU_SENTENCE
    ),
    "pods of which a policy's default is below the request": Case(
        own={CPU: "4"}, policy={CPU_LIMIT: "2"}, name=ENABLE, text="1", sentence=CPU_SENTENCE
    ),
    "a deletion that uncovers the organization's limit": Case(
        own={CPU: "4", CPU_LIMIT: "8"}, organization={CPU_LIMIT: "2"}, name=CPU_LIMIT, text=None, sentence=CPU_SENTENCE
    ),
    "a deletion that uncovers a text of the organization that was never checked": Case(
        own={TOLERATIONS: "spot"},
        organization={TOLERATIONS: "spot:Exists:NoSchedule:NoExecute"},
        name=TOLERATIONS,
        text=None,
        sentence=f'{TOLERATIONS}: "spot:Exists:NoSchedule:NoExecute" has more than key, operator and effect. ',
    ),
    "a request above a sensitive limit": Case(
        own={MEMORY_LIMIT: "1234Mi"},
        sensitive=frozenset({MEMORY_LIMIT}),
        name=MEMORY,
        text="4321Mi",
        sentence=f'{MEMORY}: "4321Mi" is more than the value of {MEMORY_LIMIT}. The format is ',
    ),
    "a sensitive request above its limit": Case(
        own={MEMORY: "1Mi", MEMORY_LIMIT: "1234Mi"},
        sensitive=frozenset({MEMORY}),
        name=MEMORY,
        text="4321Mi",
        sentence=f"{MEMORY}: its value is more than 1234Mi, the value of {MEMORY_LIMIT}. The format is ",
    ),
    "a cache among read-only files": Case(
        own={FILES: "files", FILES_PATH: "/files"},
        name=CACHE,
        text="/files/cache",
        sentence=f'{CACHE}: "/files/cache" is inside /files, where the files of {FILES} are mounted read-only. ',
    ),
}


# ---- the doors: each tries one change and returns what was answered -------------------------------------------------


def browser() -> Client:
    client = Client()
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True, email="root@site.example"))
    return client


def address(workspace: Workspace) -> str:
    return reverse("admin:workspaces_workspace_change", args=[workspace.pk])


def page_of(response: Any) -> str:
    assert response.status_code == 200, "it was saved"
    return html.unescape(response.content.decode())


def form(workspace: Workspace, name: str, text: str | None) -> str:
    changes: dict[str, Any] = {f"ephemeral-{name}": text or ""}
    if name != ENABLE:
        changes[f"ephemeral-{name}-set"] = None if text is None else "1"
    response = submit(browser(), address(workspace), "workspace_form", changes)
    page = page_of(response)
    entries = response.context["adminform"].form.executor
    assert [name for name in (CPU, MEMORY, CPU_LIMIT, CACHE, APPLY_LIMIT, TOLERATIONS) if entries.entry(name).error], (
        "no field has the sentence"
    )
    return page


def rows(workspace: Workspace, changes: Mapping[str, str | None]) -> dict[str, Any]:
    """What the rows of a workspace's page send for changed variables."""
    stored = list(Variable.objects.filter(workspace=workspace))
    sent: dict[str, Any] = {}
    for name, text in changes.items():
        place = next((at for at, row in enumerate(stored) if row.key == name), None)
        if place is None:
            place, stored = len(stored), [*stored, Variable(key=name)]
            sent |= {f"variables-{place}-key": name, f"variables-{place}-category": Category.ENV}
        sent[f"variables-{place}-DELETE" if text is None else f"variables-{place}-value"] = text or "on"
    return sent | {"variables-TOTAL_FORMS": str(len(stored))}


def inline(workspace: Workspace, name: str, text: str | None) -> str:
    return page_of(submit(browser(), address(workspace), "workspace_form", rows(workspace, {name: text})))


def list_of_workspaces(workspace: Workspace, name: str, text: str | None) -> str:
    """The preview must say what saving then says."""
    data = {"action": "set_setting", "_selected_action": [str(workspace.pk)], "name": name}
    data |= {"what": "take-away"} if text is None else {"what": "set", "text": text}
    client, listed = browser(), reverse("admin:workspaces_workspace_changelist")
    (shown,) = client.post(listed, data | {"_preview": "1"}).context["effects"]
    (result,) = bulk.set_on_workspaces([workspace], name, text, by=None)
    assert result.refused == shown.refused
    return page_of(client.post(listed, data | {"_apply": "1"}, follow=True))


def api() -> Api:
    return Api(token_of("TERRAKUBE_ADMIN"))


def answer_of(response: Any) -> str:
    assert response.status_code == 400, response.content
    return html.unescape(str(json.loads(response.content)["errors"][0]["detail"]))


def new(name: str, text: str | None) -> dict[str, Any]:
    return {"key": name, "value": text, "category": "ENV", "sensitive": False, "hcl": False}


def path(workspace: Workspace) -> str:
    return f"organization/{workspace.organization_id}/workspace/{workspace.pk}/variable"


def rest(workspace: Workspace, name: str, text: str | None) -> str:
    row = Variable.objects.filter(workspace=workspace, key=name).first()
    if row is None:
        return answer_of(api().post(path(workspace), "variable", new(name, text)))
    if text is None:
        return answer_of(api().delete(f"{path(workspace)}/{row.pk}"))
    return answer_of(api().patch(f"{path(workspace)}/{row.pk}", "variable", {"value": text}))


def operation(workspace: Workspace, name: str, text: str | None) -> dict[str, Any]:
    row = Variable.objects.filter(workspace=workspace, key=name).first()
    if row is None:
        data: dict[str, Any] = {"type": "variable", "attributes": new(name, text)}
        return {"op": "add", "href": path(workspace), "data": data}
    one = {"type": "variable", "id": str(row.pk)}
    href = f"{path(workspace)}/{row.pk}"
    if text is None:
        return {"op": "remove", "href": href, "data": one}
    return {"op": "update", "href": href, "data": one | {"attributes": {"value": text}}}


def send(*operations: dict[str, Any]) -> Any:
    return api().call("POST", "operations", {"atomic:operations": operations})


def operations(workspace: Workspace, name: str, text: str | None) -> str:
    return answer_of(send(operation(workspace, name, text)))


def service(workspace: Workspace, name: str, text: str | None) -> str:
    try:
        if text is None:
            delete_record(workspace.variables.get(key=name), by=None)
        else:
            sensitive = workspace.variables.filter(key=name, sensitive=True).exists()
            set_variable(workspace, by=None, key=name, value=text, category=Category.ENV, sensitive=sensitive)
    except WrongSettings as error:
        return error.message
    raise AssertionError("it was saved")


DOORS: Mapping[str, Callable[[Workspace, str, str | None], str]] = {
    "form": form,
    "inline": inline,
    "bulk": list_of_workspaces,
    "REST": rest,
    "operations": operations,
    "service": service,
}


def stored(workspace: Workspace) -> dict[str, str]:
    return dict(Variable.objects.filter(workspace=workspace).values_list("key", "value"))


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
@pytest.mark.parametrize("door", DOORS.values(), ids=list(DOORS))
def test_every_door_refuses_a_contradiction_with_the_same_sentence(
    door: Callable[[Workspace, str, str | None], str], case: Case
) -> None:
    workspace = case.store()
    said = door(workspace, case.name, case.text)
    assert case.sentence in said
    assert "1234Mi" not in said or MEMORY_LIMIT not in case.sensitive
    assert "4321Mi" not in said or MEMORY not in case.sensitive
    assert stored(workspace) == case.own


# ---- changes that belong together -----------------------------------------------------------------------------------


def all_in_form(workspace: Workspace, changes: Mapping[str, str | None]) -> None:
    sent: dict[str, Any] = {}
    for name, text in changes.items():
        sent |= {f"ephemeral-{name}": text or "", f"ephemeral-{name}-set": None if text is None else "1"}
    assert submit(browser(), address(workspace), "workspace_form", sent).status_code == 302


def all_in_rows(workspace: Workspace, changes: Mapping[str, str | None]) -> None:
    assert submit(browser(), address(workspace), "workspace_form", rows(workspace, changes)).status_code == 302


def one_in_the_form_and_one_in_a_row(workspace: Workspace, changes: Mapping[str, str | None]) -> None:
    (first, text), *others = changes.items()
    sent = rows(workspace, dict(others)) | {f"ephemeral-{first}": text or "", f"ephemeral-{first}-set": "1"}
    assert submit(browser(), address(workspace), "workspace_form", sent).status_code == 302


def all_in_operations(workspace: Workspace, changes: Mapping[str, str | None]) -> None:
    response = send(*(operation(workspace, name, text) for name, text in changes.items()))
    assert response.status_code == 200, response.content


@pytest.mark.parametrize("change", [all_in_form, all_in_rows, one_in_the_form_and_one_in_a_row, all_in_operations])
@pytest.mark.parametrize("order", [(CPU, CPU_LIMIT), (CPU_LIMIT, CPU)], ids=["request first", "limit first"])
def test_what_is_right_as_a_whole_is_taken_in_any_order(
    change: Callable[[Workspace, Mapping[str, str | None]], None], order: tuple[str, str]
) -> None:
    workspace = Case(own={CPU: "1", CPU_LIMIT: "2"}, name=CPU, text=None, sentence="").store()
    for texts in ({CPU: "4", CPU_LIMIT: "8"}, {CPU: "1", CPU_LIMIT: "2"}):
        change(workspace, {name: texts[name] for name in order})
        assert stored(workspace) == texts


def test_a_row_that_contradicts_the_section_of_the_executor_is_refused() -> None:
    workspace = Case(own={CPU: "1", CPU_LIMIT: "2"}, name=CPU, text=None, sentence="").store()
    sent = rows(workspace, {CPU: "4"}) | {f"ephemeral-{CPU_LIMIT}": "3", f"ephemeral-{CPU_LIMIT}-set": "1"}
    response = submit(browser(), address(workspace), "workspace_form", sent)
    assert f'"4" is more than 3, the value of {CPU_LIMIT}' in page_of(response)
    formset = next(one for one in response.context["inline_admin_formsets"] if one.formset.prefix == "variables")
    (row,) = (row for row in formset.formset.forms if row["key"].value() == CPU)
    assert row.errors["value"]
    assert row["value"].value() == "4"
    assert stored(workspace) == {CPU: "1", CPU_LIMIT: "2"}


def test_operations_that_contradict_each_other_change_nothing() -> None:
    workspace = WorkspaceFactory.create()
    answer = answer_of(send(*(operation(workspace, name, text) for name, text in ((CPU, "4"), (CPU_LIMIT, "2")))))
    assert CPU_SENTENCE in answer
    assert stored(workspace) == {}


def test_settings_marked_in_the_list_are_deleted_together() -> None:
    own = {CPU: "8", CPU_LIMIT: "16"}
    workspace = Case(own=own, organization={CPU_LIMIT: "2"}, name=CPU, text=None, sentence="").store()
    marked = [str(pk) for pk in workspace.variables.order_by("-key").values_list("pk", flat=True)]
    data = {"action": "delete_selected", "_selected_action": marked, "post": "yes"}
    browser().post(reverse("admin:workspaces_variable_changelist"), data)
    assert stored(workspace) == {}


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
    with CaptureQueriesContext(connection) as asked:
        change_settings(workspace, {CPU: "4", TOLERATIONS: "spot"}, by=None)
    texts = own | {MEMORY_LIMIT: "2Gi", CPU: "4", TOLERATIONS: "spot"}
    assert sorted(parsed) == sorted(texts.items())
    statements = [query["sql"] for query in asked.captured_queries]
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
    case = CASES["a deletion that uncovers the organization's limit"]
    workspace = case.store()
    row = workspace.variables.get(key=CPU_LIMIT)
    place = reverse("admin:workspaces_variable_delete", args=[row.pk])
    assert CPU_SENTENCE in html.unescape(browser().post(place, {"post": "yes"}, follow=True).content.decode())
    place = reverse("admin:workspaces_variable_change", args=[row.pk])
    response = submit(browser(), place, "variable_form", {"key": "OTHER"}, follow=True)
    assert CPU_SENTENCE in html.unescape(response.content.decode())
    assert stored(workspace) == case.own


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
