"""Every door refuses the same contradictory pod settings with the same sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.urls import reverse

from tests.factories import (
    WorkspaceFactory,
)
from tests.panel.forms import submit
from tests.workspaces.pod_settings import (
    APPLY_LIMIT,
    CACHE,
    CPU,
    CPU_LIMIT,
    CPU_SENTENCE,
    ENABLE,
    FILES,
    FILES_PATH,
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
    operation,
    page_of,
    path,
    send,
    service,
    stored,
    variables_of,
)
from workspaces.choices import Category
from workspaces.models import Variable, Workspace
from workspaces.services import bulk

pytestmark = pytest.mark.django_db


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
    "a deletion that uncovers the organization's limit": UNCOVERED,
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


def variable(workspace: Workspace, name: str, text: str | None) -> str:
    """A new variable is typed in a row of its workspace's tab; one that is stored has a page of its own."""
    row = Variable.objects.filter(workspace=workspace, key=name).first()
    if row is None:
        typed = {"variables-TOTAL_FORMS": "1", "variables-0-key": name, "variables-0-category": Category.ENV}
        sent = typed | {"variables-0-value": text or ""}
        return page_of(submit(browser(), variables_of(workspace), "workspace_form", sent))
    if text is None:
        address = reverse("admin:workspaces_variable_delete", args=[row.pk])
        return page_of(browser().post(address, {"post": "yes"}, follow=True))
    page = reverse("admin:workspaces_variable_change", args=[row.pk])
    return page_of(submit(browser(), page, "variable_form", {"value": text}))


def list_of_workspaces(workspace: Workspace, name: str, text: str | None) -> str:
    """The preview must say what saving then says."""
    data = {"action": "set_setting", "_selected_action": [str(workspace.pk)], "name": name}
    data |= {"what": "take-away"} if text is None else {"what": "set", "text": text}
    client, listed = browser(), reverse("admin:workspaces_workspace_changelist")
    (shown,) = client.post(listed, data | {"_preview": "1"}).context["effects"]
    (result,) = bulk.set_on_workspaces([workspace], name, text, by=None)
    assert result.refused == shown.refused
    return page_of(client.post(listed, data | {"_apply": "1"}, follow=True))


def rest(workspace: Workspace, name: str, text: str | None) -> str:
    row = Variable.objects.filter(workspace=workspace, key=name).first()
    if row is None:
        return answer_of(api().post(path(workspace), "variable", new(name, text)))
    if text is None:
        return answer_of(api().delete(f"{path(workspace)}/{row.pk}"))
    return answer_of(api().patch(f"{path(workspace)}/{row.pk}", "variable", {"value": text}))


def operations(workspace: Workspace, name: str, text: str | None) -> str:
    return answer_of(send(operation(workspace, name, text)))


DOORS: Mapping[str, Callable[[Workspace, str, str | None], str]] = {
    "form": form,
    "variable": variable,
    "bulk": list_of_workspaces,
    "REST": rest,
    "operations": operations,
    "service": service,
}


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


def all_in_operations(workspace: Workspace, changes: Mapping[str, str | None]) -> None:
    response = send(*(operation(workspace, name, text) for name, text in changes.items()))
    assert response.status_code == 200, response.content


@pytest.mark.parametrize("change", [all_in_form, all_in_operations])
@pytest.mark.parametrize("order", [(CPU, CPU_LIMIT), (CPU_LIMIT, CPU)], ids=["request first", "limit first"])
def test_what_is_right_as_a_whole_is_taken_in_any_order(
    change: Callable[[Workspace, Mapping[str, str | None]], None], order: tuple[str, str]
) -> None:
    workspace = Case(own={CPU: "1", CPU_LIMIT: "2"}, name=CPU, text=None, sentence="").store()
    for texts in ({CPU: "4", CPU_LIMIT: "8"}, {CPU: "1", CPU_LIMIT: "2"}):
        change(workspace, {name: texts[name] for name in order})
        assert stored(workspace) == texts


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
