"""The history of a workspace and of an organization: who changed what, by which door, with old and new values."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from auditlog.models import LogEntry
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.api.client import Api, token_of
from tests.factories import (
    PLAN,
    OrganizationFactory,
    TeamFactory,
    UserFactory,
    VariableFactory,
    WorkspaceFactory,
)
from tests.panel.forms import submit
from tests.support.markup import without_breaks
from tests.tfe.terminal import Terminal
from workspaces.choices import Via
from workspaces.models import Access, HistoryEntry, Variable, Workspace
from workspaces.services import history as histories
from workspaces.services import history_retention
from workspaces.services.jobs import create_job
from workspaces.services.locks import lock_workspace

pytestmark = pytest.mark.django_db
SECRET = "s3cr3t-of-the-test"


def address_of(record: Any, name: str = "history") -> str:
    return reverse(f"admin:workspaces_{record._meta.model_name}_{name}", args=[record.pk])


def shown(client: Client, record: Any, **wanted: str) -> str:
    response = client.get(address_of(record), wanted)
    assert response.status_code == 200
    return without_breaks(response.content.decode())


def exported(client: Client, record: Any, **wanted: str) -> str:
    response: Any = client.get(address_of(record, "history_export"), wanted)
    assert isinstance(response, StreamingHttpResponse)

    async def whole() -> bytes:
        pieces: Any = response.streaming_content
        return b"".join([piece async for piece in pieces])

    return async_to_sync(whole)().decode()


def change(client: Client, variable: Variable, **values: str | None) -> None:
    address = reverse("admin:workspaces_variable_change", args=[variable.pk])
    assert submit(client, address, "variable_form", values).status_code == 302


@pytest.fixture
def plain(workspace: Workspace) -> Variable:
    return VariableFactory.create(workspace=workspace, key="region", value="eu-west-1", category="TERRAFORM")


def test_a_record_that_is_made_or_deleted_is_not_asked_for_what_others_say_of_it(workspace: Workspace) -> None:
    with CaptureQueriesContext(connection) as asked:
        made = WorkspaceFactory.create(organization=workspace.organization, name="new")
    assert [one["sql"] for one in asked if one["sql"].startswith("SELECT")] == []
    entries = LogEntry.objects.filter(object_pk=str(made.pk)).order_by("pk")
    made.delete()
    assert [entry.action for entry in entries] == [LogEntry.Action.CREATE, LogEntry.Action.DELETE]
    columns = {field.name for field in Workspace._meta.concrete_fields}
    for entry in entries:
        assert "name" in entry.changes_dict
        assert entry.changes_dict.keys() <= columns


# ---- values ---------------------------------------------------------------------------------------------------------


def test_the_old_and_the_new_value_of_a_plain_variable_are_shown_with_who_and_by_which_door(
    admin: Client, plain: Variable
) -> None:
    change(admin, plain, value="eu-central-1")
    text = shown(admin, plain.workspace, kind="variable", verb="changed")
    assert "eu-west-1" in text
    assert "eu-central-1" in text
    entry = HistoryEntry.objects.filter(kind="variable", verb="changed").get()
    assert (entry.who_kind, entry.door, entry.record) == ("person", "panel", "region")
    assert entry.who in text


def test_values_are_encrypted_in_the_database(plain: Variable) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT kept_values FROM workspaces_historyentry WHERE kind = 'variable'")
        assert "eu-west-1" not in str(cursor.fetchall())
    assert "eu-west-1" in HistoryEntry.objects.get(kind="variable").kept_values


def test_of_a_sensitive_value_the_history_says_only_that_it_changed(admin: Client, workspace: Workspace) -> None:
    variable = VariableFactory.create(workspace=workspace, key="TOKEN", value=SECRET, sensitive=True)
    change(admin, variable, value="0ther-s3cr3t")
    text = shown(admin, workspace) + exported(admin, workspace) + exported(admin, workspace, format="jsonl")
    assert "changed, not shown" in text
    assert SECRET not in text
    assert "0ther-s3cr3t" not in text
    assert not HistoryEntry.objects.exclude(kept_values="").exists()


def test_a_variable_that_becomes_sensitive_takes_its_earlier_values_out_of_the_history(
    admin: Client, plain: Variable
) -> None:
    VariableFactory.create(workspace=plain.workspace, key="zone", value="stays")
    change(admin, plain, value=SECRET)
    assert SECRET in shown(admin, plain.workspace)
    change(admin, plain, sensitive="on")
    text = shown(admin, plain.workspace) + exported(admin, plain.workspace, format="jsonl")
    assert SECRET not in text
    assert "eu-west-1" not in text
    assert "stays" in text


def test_a_variable_that_stops_being_sensitive_shows_neither_value_of_that_change(
    admin: Client, workspace: Workspace
) -> None:
    variable = VariableFactory.create(workspace=workspace, key="TOKEN", value=SECRET, sensitive=True)
    change(admin, variable, value="now-plain", sensitive=None)
    variable.refresh_from_db()
    assert not variable.sensitive
    assert "now-plain" not in shown(admin, workspace)
    change(admin, variable, value="later")
    assert "later" in shown(admin, workspace)


def test_a_secret_made_again_under_the_key_of_a_plain_variable_is_forgotten(admin: Client, plain: Variable) -> None:
    workspace = plain.workspace
    plain.delete()
    assert "eu-west-1" in shown(admin, workspace)
    VariableFactory.create(workspace=workspace, key="region", value="eu-west-1", sensitive=True)
    assert "eu-west-1" not in shown(admin, workspace)


# ---- one list -------------------------------------------------------------------------------------------------------


def test_jobs_locks_and_settings_of_a_workspace_stand_in_one_list_newest_first(admin: Client, plain: Variable) -> None:
    workspace = plain.workspace
    job = create_job(workspace, by=None, tcl=PLAN)
    lock_workspace(workspace, by=None, reason="audit of the year")
    rows = admin.get(address_of(workspace)).context["rows"]
    assert [row.entry.kind for row in rows][:3] == ["lock", "job", "variable"]
    assert rows[0].sentence == "audit of the year"
    assert (rows[1].name, rows[1].status) == (str(job.pk), job.status)


def test_an_uploaded_source_has_no_words_that_only_the_api_knows(admin: Client) -> None:
    workspace = WorkspaceFactory.create(source="empty", branch="remote-content")
    uploaded = shown(admin, workspace)
    assert "Uploaded" in uploaded
    assert "remote-content" not in uploaded
    workspace.source, workspace.branch = "https://git.example/infra.git", "main"
    workspace.save()
    newest_first = list(csv.DictReader(io.StringIO(exported(admin, workspace))))
    changes = {row["field"]: row for row in reversed(newest_first)}
    assert (changes["Source"]["before"], changes["Source"]["after"]) == ("Uploaded", "https://git.example/infra.git")
    assert (changes["Branch"]["before"], changes["Branch"]["after"]) == ("", "main")


def test_the_history_of_an_organization_keeps_what_was_deleted_and_names_the_workspace(
    admin: Client, plain: Variable
) -> None:
    workspace, organization = plain.workspace, plain.workspace.organization
    name = workspace.name
    workspace.delete()
    text = shown(admin, organization)
    assert f"Workspace {name}" in text
    assert "region" in text


def test_other_workspaces_and_organizations_are_not_in_it(admin: Client, plain: Variable) -> None:
    foreign = VariableFactory.create(workspace=WorkspaceFactory.create(organization=OrganizationFactory.create()))
    beside = VariableFactory.create(workspace=WorkspaceFactory.create(organization=plain.workspace.organization))
    HistoryEntry.objects.filter(workspace_key__in=[foreign.workspace_id, beside.workspace_id]).update(record="foreign")
    assert "foreign" not in shown(admin, plain.workspace)
    rows = admin.get(address_of(plain.workspace.organization)).context["rows"]
    assert {row.entry.organization_key for row in rows} == {plain.workspace.organization_id}


# ---- filters, pages, exports ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"kind": "lock"}, ["lock"]),
        ({"verb": "started"}, ["job"]),
        ({"text": "REGION"}, ["variable"]),
        ({"who": "nobody here"}, []),
        ({"since": "2000-01-01", "until": "2000-01-31"}, []),
        ({"door": "site", "kind": "job"}, ["job"]),
    ],
)
def test_each_filter_is_an_address(admin: Client, plain: Variable, wanted: dict[str, str], found: list[str]) -> None:
    create_job(plain.workspace, by=None, tcl=PLAN)
    lock_workspace(plain.workspace, by=None)
    response = admin.get(address_of(plain.workspace), wanted)
    assert [row.entry.kind for row in response.context["rows"]] == found
    if not found:
        assert "No entry matches the filter" in response.content.decode()


@pytest.mark.parametrize("wanted", [{"since": "yesterday"}, {"before": "x~y"}, {"kind": "nothing"}, {"until": "9" * 9}])
def test_a_wrong_filter_is_told_and_shows_nothing(admin: Client, plain: Variable, wanted: dict[str, str]) -> None:
    response = admin.get(address_of(plain.workspace), wanted)
    assert not response.context["rows"]
    assert 'role="alert"' in response.content.decode()
    assert admin.get(address_of(plain.workspace, "history_export"), wanted).status_code == 302


def entries(workspace: Workspace, number: int, **more: Any) -> None:
    base = {"organization_key": workspace.organization_id, "workspace_key": workspace.pk, "kind": "lock"}
    base |= {"verb": "locked", "who_kind": "site", "door": "site", **more}
    HistoryEntry.objects.all().delete()
    HistoryEntry.objects.bulk_create(HistoryEntry(**base, record=f"no {count}") for count in range(number))


def test_pages_follow_each_other_without_gap_or_repetition(admin: Client, workspace: Workspace) -> None:
    entries(workspace, 120)
    names, address = [], address_of(workspace)
    while address:
        response = admin.get(address)
        names += [row.name for row in response.context["rows"]]
        older = response.context["older"]
        address = f"{address_of(workspace)}?{older}" if older else ""
    assert names == [f"no {count}" for count in reversed(range(120))]


def test_a_filter_looks_at_a_limited_number_of_entries_and_says_so(
    admin: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "MOST_LOOKED_AT", 10)
    entries(workspace, 25)
    first = HistoryEntry.objects.order_by("pk").first()
    assert first is not None
    response = admin.get(address_of(workspace), {"text": first.record})
    steps = [response]
    while steps[-1].context["older"]:
        assert "Searched back to" in steps[-1].content.decode()
        steps.append(admin.get(f"{address_of(workspace)}?{steps[-1].context['older']}"))
    # "no 0" is the oldest of 25: two looks of ten find nothing.
    assert [len(step.context["rows"]) for step in steps] == [0, 0, 1]
    assert [row["record"] for row in csv.DictReader(io.StringIO(exported(admin, workspace, text="no 0")))] == ["no 0"]


def test_a_page_takes_the_same_few_queries_for_many_entries(
    admin: Client, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for _count in range(12):
        create_job(workspace, by=None, tcl=PLAN)
        VariableFactory.create(workspace=workspace)
    with django_assert_max_num_queries(11):
        assert len(admin.get(address_of(workspace)).context["rows"]) > 20
    with django_assert_max_num_queries(11):
        shown(admin, workspace.organization, kind="job")


def test_an_export_holds_what_the_filter_shows_in_both_forms(admin: Client, plain: Variable) -> None:
    change(admin, plain, value="eu-central-1")
    rows = list(csv.DictReader(io.StringIO(exported(admin, plain.workspace, kind="variable", verb="changed"))))
    assert [(row["field"], row["before"], row["after"], row["door"]) for row in rows] == [
        ("Value", "eu-west-1", "eu-central-1", "panel")
    ]
    lines = exported(admin, plain.workspace, format="jsonl", kind="variable").splitlines()
    newest = json.loads(lines[0])
    assert newest["changes"] == [{"field": "Value", "before": "eu-west-1", "after": "eu-central-1"}]
    assert newest["workspace"] == plain.workspace.name
    assert len(lines) == 2


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1"])
def test_no_cell_starts_a_formula_of_a_spreadsheet(admin: Client, workspace: Workspace, value: str) -> None:
    VariableFactory.create(workspace=workspace, key="X", value=value, category="ENV")
    rows = csv.reader(io.StringIO(exported(admin, workspace, kind="variable")))
    cells = [cell for row in rows for cell in row]
    assert any("1" in cell for cell in cells)
    assert not [cell for cell in cells if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_an_empty_history_says_what_comes(admin: Client, workspace: Workspace) -> None:
    HistoryEntry.objects.all().delete()
    assert "Nothing has been recorded yet" in shown(admin, workspace)


# ---- who and by which door -------------------------------------------------------------------------------------------


def newest(**wanted: Any) -> tuple[str, str, str]:
    entry = HistoryEntry.objects.filter(**wanted).order_by("-at", "-pk")[0]
    return entry.who_kind, entry.who, entry.door


def test_the_bearer_of_a_token_is_named_and_so_is_the_door(workspace: Workspace) -> None:
    TeamFactory.create(organization=workspace.organization, name="OWNERS", role="write")
    api = Api(token_of("OWNERS", name="ann@site.example"))
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}"
    api.made(f"{path}/variable", "variable", {"key": "region", "value": "x", "category": "TERRAFORM"})
    assert newest(kind="variable") == ("token", "ann@site.example", "api")
    terminal = Terminal(Api(token_of("OWNERS", name="ann@site.example")), workspace)
    assert terminal.act("lock") == (200, "")
    assert newest(kind="lock") == ("token", "ann@site.example", "terminal")


def test_a_job_of_a_schedule_or_a_push_came_by_that_door(workspace: Workspace) -> None:
    ann = UserFactory.create(email="ann@site.example", is_superuser=True)
    create_job(workspace, by=ann, tcl=PLAN, via=Via.SCHEDULE)
    assert newest(kind="job") == ("person", "ann@site.example", "schedule")
    create_job(workspace, by=ann, tcl=PLAN, via=Via.GITLAB, author="octocat")
    assert newest(kind="job") == ("person", "octocat (ann@site.example)", "git")
    create_job(workspace, by=None, tcl=PLAN)
    assert newest(kind="job") == ("site", "", "site")


# ---- what a person may see -------------------------------------------------------------------------------------------


def test_accesses_are_shown_to_who_manages_them_alone(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    Access.objects.create(workspace=workspace, name="GUESTS", role="read")
    organization = workspace.organization
    for record in (workspace, organization):
        assert "GUESTS" in shown(sign_in(organization, role="write"), record)
        reader = sign_in(organization, role="read")
        assert "GUESTS" not in shown(reader, record)
        assert "GUESTS" not in exported(reader, record, format="jsonl")


def test_an_access_to_one_workspace_shows_nothing_of_others(workspace: Workspace) -> None:
    organization = workspace.organization
    hidden = WorkspaceFactory.create(organization=organization, name="secluded-one")
    VariableFactory.create(workspace=hidden, key="secluded_key")
    VariableFactory.create(workspace=workspace, key="own_key")
    TeamFactory.create(organization=organization, name="secluded-team")
    user = UserFactory.create(is_staff=True)
    user.groups.add(Group.objects.create(name="GUESTS"))
    Access.objects.create(workspace=workspace, name="GUESTS", role="read")
    guest = Client()
    guest.force_login(user)
    text = shown(guest, organization) + exported(guest, organization, format="jsonl")
    assert "own_key" in text
    assert "secluded" not in text
    assert guest.get(address_of(hidden)).status_code == 302
    assert guest.get(address_of(hidden, "history_export")).status_code == 404


def test_a_stranger_sees_no_history(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    stranger = sign_in(OrganizationFactory.create(), role="admin")
    for record in (workspace, workspace.organization):
        assert stranger.get(address_of(record)).status_code == 302
        assert stranger.get(address_of(record, "history_export")).status_code == 404


# ---- how long it is kept ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "age", "stays"), [(0, 9000, True), (30, 29, True), (30, 31, False)])
def test_histories_are_kept_for_the_days_that_are_set(
    plain: Variable, settings: Any, days: int, age: int, stays: bool
) -> None:
    settings.KEEP_HISTORY_DAYS = days
    then = timezone.now() - dt.timedelta(days=age)
    HistoryEntry.objects.update(at=then)
    LogEntry.objects.update(timestamp=then)
    assert history_retention.remove_old() is False
    assert HistoryEntry.objects.exists() is stays
    assert LogEntry.objects.exists() is stays


def test_changes_from_before_are_taken_into_the_history(admin: Client, plain: Variable) -> None:
    change(admin, plain, value="eu-central-1")
    workspace = plain.workspace
    plain.delete()
    columns = ("kind", "verb", "organization_key", "workspace_key", "log_entry")
    before = HistoryEntry.objects.exclude(organization_key=None)
    known = set(before.values_list(*columns))
    HistoryEntry.objects.all().delete()
    migration = import_module("workspaces.migrations.0050_earlier_changes_in_histories")
    for _time in range(2):
        migration.fill(apps, SimpleNamespace(connection=connection))
        found = list(HistoryEntry.objects.values_list(*columns))
        assert len(found) == len(known)
        assert set(found) == known
    assert "region" in shown(admin, workspace)
