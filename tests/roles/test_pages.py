"""Each role at each page and button of the panel, and at every address that is neither a record's nor a page's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from executors.choices import AttemptState, ExecutorKind
from executors.models import Attempt, LogChunk, PreflightRun
from tests.api.client import Api
from tests.api.test_every_route import OPEN, _patterns
from tests.factories import PLAN, PLAN_AND_APPLY, PLAN_APPROVE_APPLY
from tests.roles.declared import ADDRESSES, BUTTONS, PAGES, WALKED, WHO, WITHOUT_ROLE, Button
from tests.roles.scene import Scene, api_of, client_of, enrol, undone
from tests.support.rows import all_rows
from tests.tfe.routes import PATHS
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import (
    ConfigurationVersion,
    Job,
    JobComment,
    RecoveredState,
    SavedPlan,
    StateVersion,
    Step,
    Variable,
    Workspace,
)
from workspaces.services.jobs import cancel_job, create_job
from workspaces.services.state import add_state_version

pytestmark = pytest.mark.once

STATE = b'{"version": 4, "serial": 1, "lineage": "l", "resources": [], "outputs": {}}'
_FILES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "uploads": lambda: {"archive": SimpleUploadedFile("a.tar.gz", b"\x1f\x8bsource")},
    "a state file": lambda: {"state": SimpleUploadedFile("a.tfstate", STATE), "force": "on", "reason": "it is right"},
}
_PLAN_LOG = b"Terraform will perform the following actions:\n\n  # null_resource.a will be created\n"


def label(model: type[models.Model]) -> str:
    return f"{model._meta.app_label}.{model._meta.model_name}"


@pytest.fixture
def attempt(scene: Scene) -> Attempt:
    now = timezone.now()
    step: Any = scene.records["step"]
    found = Attempt.objects.create(
        step=step, number=1, executor=ExecutorKind.LOCAL, state=AttemptState.ENDED, created_at=now, not_before=now,
        ended_at=now, cleaned_at=now, log_size=len(_PLAN_LOG),
    )  # fmt: skip
    LogChunk.objects.create(attempt=found, offset=0, size=len(_PLAN_LOG), data=_PLAN_LOG)
    return found


# ---- pages ----------------------------------------------------------------------------------------------------------


def test_every_page_of_the_panel_has_a_row() -> None:
    assert PAGES.keys() == {label(model) for model in admin.site._registry}


@pytest.mark.parametrize("name", WHO)
def test_the_panel_opens_to_each_role_as_the_table_says(name: str, scene: Scene, attempt: Attempt) -> None:
    who, client = enrol(name, scene), client_of(name)
    records = {type(record): record for record in (*scene.records.values(), attempt)}
    shown = 0
    for model, page in admin.site._registry.items():
        view, add, change, delete = PAGES[label(model)]
        base, what = f"admin:{model._meta.app_label}_{model._meta.model_name}", (name, label(model))
        assert (client.get(reverse(f"{base}_add")).status_code == 200) is who.may(add), what
        record = records.get(model)
        if record is None or not page.get_urls():
            continue
        # What of a workspace is saved is on tabs, and the rows of one may take another right.
        tabs = ("settings", "access", "variables") if model is Workspace else ("change",)
        for tab in tabs:
            response: Any = client.get(reverse(f"{base}_{tab}", args=[record.pk]))
            assert (response.status_code == 200) is who.may(view), (what, tab, response.status_code)
            saves = response.status_code == 200 and b'name="_save"' in response.content
            assert saves is (who.may(view) and (who.may(change) or (tab == "access" and who.may("access")))) or (
                tab == "variables" and who.may("collection") and saves
            ), (what, tab)
        response = client.get(reverse(f"{base}_delete", args=[record.pk]))
        assert (response.status_code == 200) is (who.may(view) and who.may(delete)), (what, response.status_code)
        shown += 1
    assert shown > 12


@pytest.mark.parametrize("name", WHO)
def test_rows_are_deleted_from_a_list_by_who_may(name: str, scene: Scene) -> None:
    who, client = enrol(name, scene), client_of(name)
    variable = scene.records["variable"]
    chosen = {"action": "delete_selected", "_selected_action": [str(variable.pk)], "post": "yes"}
    client.post(reverse("admin:workspaces_variable_changelist"), chosen)
    assert Variable.objects.filter(pk=variable.pk).exists() is not who.may("workspace")


# ---- many rows, and the record of a button --------------------------------------------------------------------------


def prepared(button: Button, scene: Scene) -> models.Model:
    """The record of a button, in the state in which it is pressed."""
    workspace = scene.workspace
    Job.objects.filter(workspace=workspace).delete()
    Workspace.objects.filter(pk=workspace.pk).update(
        locked=button.before == "locked",
        branch="remote-content" if button.before == "uploads" else "main",
        deleted=button.before == "deleted",
    )
    workspace.refresh_from_db()
    if button.before == "kept":
        kept: Any = scene.records["recovered_state"]
        kept.content = STATE
        kept.save()
        return kept  # type: ignore[no-any-return]
    if button.before == "older state":
        return with_newer_state(scene)
    if button.name.startswith("workspaces_workspace"):
        return workspace
    if button.before == "a comment":
        return JobComment.objects.create(job=create_job(workspace, by=None, tcl=PLAN), text="Why?", author="another")
    text = {"waits": PLAN_APPROVE_APPLY, "ended plan": PLAN}.get(button.before, PLAN_AND_APPLY)
    job = create_job(workspace, by=None, tcl=text)
    if button.before == "ended plan":
        Job.objects.filter(pk=job.pk).update(template=workspace.organization.templates.get(name="Plan"))
    if button.before.startswith("ended"):
        return cancel_job(job, by=None)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    transitions.start_step(step_id)
    done = transitions.Outcome(succeeded=True, changes=True, plan="https://site.example/plan")
    transitions.finish_step(step_id, done)
    step_id = transitions.advance(job.pk)
    job.refresh_from_db()
    assert job.status == (JobStatus.WAITING_APPROVAL if button.before == "waits" else JobStatus.QUEUE)
    return job


def with_newer_state(scene: Scene) -> StateVersion:
    """The state of the table, with a newer one after it."""
    older: Any = scene.records["history"]
    older.content, older.json, older.lineage = STATE, b"{}", "l"
    older.save()
    add_state_version(scene.workspace, STATE.replace(b'"serial": 1', b'"serial": 2'), older)
    return older  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", WHO)
def test_many_workspaces_are_planned_and_set_by_who_may(name: str, scene: Scene) -> None:
    who, client = enrol(name, scene), client_of(name)
    Job.objects.filter(workspace=scene.workspace).delete()
    marked = {"_selected_action": [str(scene.workspace.pk)], "_apply": "1"}
    address = reverse("admin:workspaces_workspace_changelist")
    with undone():
        client.post(address, {**marked, "action": "plan"})
        assert Job.objects.exists() is who.may("plan")
    with undone():
        setting = {"name": "EPHEMERAL_MEMORY_LIMIT", "what": "set", "text": "2Gi"}
        client.post(address, {**marked, **setting, "action": "set_setting"})
        assert Variable.objects.filter(key=setting["name"]).exists() is who.may("workspace")
    with undone():
        scene.workspace.organization.templates.filter(name="Plan").update(tcl=PLAN_AND_APPLY)
        client.post(address, {**marked, "action": "plan"})
        assert Job.objects.exists() is who.may("plan, approve")


@pytest.mark.parametrize("name", WHO)
def test_many_jobs_are_cancelled_by_who_may(name: str, scene: Scene) -> None:
    who, client = enrol(name, scene), client_of(name)
    Job.objects.filter(workspace=scene.workspace).delete()
    job = create_job(scene.workspace, by=None, tcl=PLAN_APPROVE_APPLY)
    chosen = {"_selected_action": [str(job.pk)], "_apply": "1", "action": "cancel"}
    client.post(reverse("admin:workspaces_job_changelist"), chosen)
    job.refresh_from_db()
    assert (job.status == JobStatus.CANCELLED) is who.may("job")


# ---- all other addresses --------------------------------------------------------------------------------------------


def test_every_address_has_a_row() -> None:
    pages = {
        f"admin/{model._meta.app_label}/{model._meta.model_name}/{rest}"
        for model in admin.site._registry
        for rest in (
            "", "add/", "<path:object_id>/history/", "<path:object_id>/delete/", "<path:object_id>/change/",
            "<path:object_id>/",
        )
    }  # fmt: skip
    buttons = {str(pattern.pattern) for _, pattern in _patterns(get_resolver().url_patterns) if _is_button(pattern)}
    known = pages | WALKED | PATHS | WITHOUT_ROLE.keys() | {one.partition(" ")[2] for one in ADDRESSES}
    for path, pattern in _patterns(get_resolver().url_patterns):
        if not OPEN.fullmatch(path) and not _is_button(pattern):
            assert path in known, f"Say in tests/roles/declared.py who may use {path}"
    assert len(buttons) == len({button.name for button in BUTTONS})
    assert not {one.partition(" ")[2] for one in ADDRESSES} - {
        path for path, _ in _patterns(get_resolver().url_patterns)
    }, "an address of the table is gone"


def _is_button(pattern: Any) -> bool:
    return pattern.name in {button.name for button in BUTTONS}


_KEYS = {
    "recoveredstate": "recovered_id",
    "stateversion": "history_id",
    "workspaces/organization/": "organization_id",
}


def known_parts(scene: Scene, attempt: Attempt, version: ConfigurationVersion) -> Mapping[str, str]:
    keys = {f"{name}_id": str(record.pk) for name, record in scene.records.items()}
    other = User.objects.create(username="other")
    more = {"state_id": keys["history_id"], "version_id": str(version.pk), "id": str(other.pk)}
    return keys | more | {"recovered_id": keys["recovered_state_id"]}


@pytest.mark.parametrize("name", WHO)
def test_every_other_address_answers_each_role_as_the_table_says(name: str, scene: Scene, attempt: Attempt) -> None:
    who, api = enrol(name, scene), api_of(name)
    client = client_of(name) if who.is_active else api.client
    api.prefix = "/"
    step: Any = scene.records["step"]
    SavedPlan.objects.create(step=step, content=b"plan")
    with_newer_state(scene)
    version = ConfigurationVersion.objects.create(workspace=scene.workspace, content=b"\x1f\x8b")
    parts = known_parts(scene, attempt, version)
    for asked, needed in ADDRESSES.items():
        method, _, pattern = asked.partition(" ")
        key = next((key for model, key in _KEYS.items() if model in pattern), "workspace_id")
        with_key = pattern.replace("<uuid:pk>", parts[key])
        address = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: parts[found[1]], with_key)
        with undone():
            if method == "PUT":
                # No state is rolled back beside a job.
                Job.objects.update(status=JobStatus.COMPLETED, holds_workspace=False)
            response = _ask(method, address, api, client)
        allowed = _allowed(response)
        assert allowed is who.may(needed), (name, asked, response.status_code)


def _ask(method: str, address: str, api: Api, client: Client) -> HttpResponse:
    if address.startswith(("admin/", "runs/")):
        return client.get(f"/{address}")  # type: ignore[return-value]
    body: dict[str, Any] = {"data": []} if address == "logs" else {}
    return api.call(method, address, body if method == "POST" else None)


def _allowed(response: HttpResponse) -> bool:
    """Whether an answer is what was asked for; the panel leads who is not admitted to its sign-in."""
    if response.status_code == 302:
        return "/login/" not in response["Location"]
    assert response.status_code in {200, 201, 202, 204, 401, 403, 404}, response.content[:300]
    return response.status_code < 300


# ---- buttons, last, since their callers are there until the end of the module ---------------------------------------


@pytest.mark.parametrize("button", BUTTONS, ids=lambda button: button.name)
def test_a_button_does_what_it_says_for_each_role_of_the_table(
    button: Button, scene: Scene, callers: Mapping[str, Client]
) -> None:
    record = prepared(button, scene)
    address, before = reverse(f"admin:{button.name}", args=[record.pk]), _state()
    for name, client in callers.items():
        with undone():
            who = enrol(name, scene)
            client.post(address, scene.filled(button.data) | _FILES.get(button.before, dict)())
            changed = _state() != before
        assert changed is who.may(button.needed), (name, button)
        # A session that was taken back with the rest is there again.
        client.cookies.pop("messages", None)
    assert callers.keys() == WHO.keys()


def _state() -> object:
    changed: tuple[type[models.Model], ...] = (
        Job, Workspace, Step, RecoveredState, ConfigurationVersion, PreflightRun, StateVersion, JobComment,
    )  # fmt: skip
    return [all_rows(model) for model in changed]
