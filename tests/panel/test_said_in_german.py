"""What records are called and what services say: in the reader's language on a page, in English where it is kept."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import models
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from executors.models import Attempt, JobContext, LogCursor
from terrakube_site.messages import message, translated
from terrakube_site.terraform.hcl.faults import Wrong
from tests.api.client import Api, token_of
from tests.factories import CollectionFactory, OrganizationFactory, TeamFactory, WorkspaceFactory
from tests.support.markup import without_breaks
from workspaces.errors import ServiceError
from workspaces.jobs.plans import Action, read_plan
from workspaces.models import (
    ConfigurationVersion,
    Job,
    Organization,
    PolicyRule,
    Reference,
    RunLimits,
    SavedPlan,
    StateLock,
    StateVersion,
    Step,
    Tag,
    Workspace,
    WorkspaceTag,
)
from workspaces.permissions import refusal
from workspaces.pods import EphemeralSyntaxErrors, pod_settings
from workspaces.roles import Rights
from workspaces.services import policy
from workspaces.services import state as states
from workspaces.services.records import _ACTIONS, RIGHTS, create_record, delete_record
from workspaces.validation import hcl_values

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("german")]
LIMIT = "EPHEMERAL_MEMORY_LIMIT"


# ---- what records are called ----------------------------------------------------------------------------------------


def named(record: models.Model) -> tuple[str, str]:
    with override("de"):
        german = str(record)
    return str(record), german


def test_a_record_is_called_by_the_words_of_the_page() -> None:
    organization = Organization(name="acme")
    workspace = Workspace(name="net", organization=organization)
    step = Step(step_number=100, name="Plan")
    at = dt.datetime(2026, 11, 25, 9, 5, tzinfo=dt.UTC)
    assert [
        named(record)
        for record in (
            Job(pk=12),
            step,
            SavedPlan(step=step),
            StateVersion(number=3),
            StateLock(lock_id="a-b"),
            ConfigurationVersion(created_date=at),
            RunLimits(workspace=workspace),
            RunLimits(organization=organization),
            PolicyRule(setting=LIMIT),
            PolicyRule(setting=LIMIT, organization=organization),
            Reference(workspace=workspace, collection=CollectionFactory.build(name="spot")),
            WorkspaceTag(workspace=workspace, tag=Tag(name="prod")),
            Attempt(number=2),
            JobContext(job_id=12),
            LogCursor(),
        )
    ] == [
        ("Job 12", "Job 12"),
        ("Step 100 Plan", "Schritt 100 Plan"),
        ("Plan of Step 100 Plan", "Plan von Schritt 100 Plan"),
        ("State 3", "State 3"),
        ("Lock a-b", "Sperre a-b"),
        ("Source of 2026-11-25 09:05", "Quelle vom 2026-11-25 09:05"),
        ("Limits of net", "Limits von net"),
        ("Limits of acme", "Limits von acme"),
        (f"{LIMIT} in the installation", f"{LIMIT} in der Installation"),
        (f"{LIMIT} in acme", f"{LIMIT} in acme"),
        ("net uses spot", "net benutzt spot"),
        ("net has prod", "net hat prod"),
        ("Attempt 2", "Versuch 2"),
        ("Context of job 12", "Kontext von Job 12"),
        ("at the start", "am Anfang"),
    ]


def test_the_history_keeps_a_name_in_english_and_shows_it_to_each_reader_in_theirs(
    admin: Client, workspace: Workspace
) -> None:
    tag = Tag.objects.create(organization=workspace.organization, name="prod")
    with override("de"):
        policy.create_rule(PolicyRule(setting=LIMIT, maximum="4Gi"), by=None)
        given = create_record(WorkspaceTag(workspace=workspace, tag=tag), by=None)
        delete_record(given, by=None)
    kept = LogEntry.objects.order_by("pk").values_list("object_repr", flat=True)
    assert list(kept)[-3:] == [f"{LIMIT} in the installation", *[f"{workspace.name} has prod"] * 2]
    address = reverse("admin:auditlog_logentry_changelist")
    shown = {
        language: admin.get(address, headers={"accept-language": language}).content.decode()
        for language in ("en", "de")
    }
    for words in ("in the installation", f"{workspace.name} has prod"):
        assert words in shown["en"]
        assert words not in shown["de"]
    for words in ("in der Installation", f"{workspace.name} hat prod"):
        assert words in shown["de"]


def test_a_record_that_is_in_use_is_refused_in_the_language_of_the_page() -> None:
    organization = OrganizationFactory.create()
    key = organization.ssh.create(name="deploy", private_key="x")
    WorkspaceFactory.create(organization=organization, name="net", ssh=key)
    with pytest.raises(ServiceError) as caught:
        delete_record(key, by=None)
    assert caught.value.message == "deploy is still used by net."
    with override("de"):
        assert translated(caught.value.message) == "deploy wird noch benutzt von net."


# ---- what somebody may not do ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("right", sorted({*Rights.__dataclass_fields__} - {"read"}))
def test_a_refusal_names_the_right_to_people_as_its_form_does(right: str) -> None:
    said = refusal(Organization(name="acme"), right, action="start a job")
    assert said == f"You may not start a job in acme: none of your teams there has the right {right}."
    for language, begins in (
        ("de", "Das dürfen Sie in acme nicht: einen Job starten. Keines Ihrer Teams dort hat das Recht „"),
        (
            "es",
            "No está permitido iniciar un job en acme: ninguno de los equipos de esta cuenta tiene allí el derecho “",
        ),
    ):
        with override(language):
            shown = translated(said)
        assert shown.startswith(begins)
        assert "_" not in shown


@pytest.mark.parametrize("verb", _ACTIONS)
@pytest.mark.parametrize("model", [*RIGHTS, RunLimits], ids=lambda model: model.__name__)
def test_a_refusal_names_every_kind_of_record(model: type[models.Model], verb: str) -> None:
    to = message(_ACTIONS[verb], record=model._meta.verbose_name_raw)
    for language, begins, ends in (
        ("de", "Das dürfen Sie in acme nicht: ", "hat das Recht „Workspaces verwalten“."),
        ("es", "No está permitido ", "tiene allí el derecho “gestionar workspaces”."),
    ):
        with override(language):
            shown = translated(refusal(Organization(name="acme"), "manage_workspace", action=to))
            kind = str(model._meta.verbose_name)
        assert shown.startswith(begins)
        assert f" {kind} " in shown
        assert shown.endswith(ends)


def test_programs_are_refused_in_english_whatever_they_accept(workspace: Workspace) -> None:
    TeamFactory.create(organization=workspace.organization, name="READERS", role="read")
    client = Api(token_of("READERS"))
    path = f"organization/{workspace.organization_id}/tag"
    said = {client.post(path, "tag", {"name": "prod"}).content}
    with override("de"):
        said.add(client.post(path, "tag", {"name": "prod"}).content)
    assert len(said) == 1
    assert b"none of your teams there has the right manage_workspace" in said.pop()


# ---- what is done with a state --------------------------------------------------------------------------------------


def state(serial: int = 7, lineage: str = "a1") -> bytes:
    return json.dumps({"version": 4, "serial": serial, "lineage": lineage}).encode()


def _locked(workspace: Workspace, **info: str) -> None:
    StateLock.objects.create(workspace=workspace, lock_id="one", info={"ID": "one", **info})
    states.import_state(workspace, state(), by=None)


def _of_a_locked_workspace(workspace: Workspace) -> None:
    workspace.locked = True
    workspace.save()
    states.import_state(workspace, state(), by=None)


def _beside_a_job(workspace: Workspace) -> None:
    Job.objects.create(pk=41, workspace=workspace, organization=workspace.organization)
    states.import_state(workspace, state(), by=None)


def _over(workspace: Workspace, content: bytes) -> None:
    states.import_state(workspace, state(), by=None)
    states.import_state(workspace, content, by=None)


@pytest.mark.parametrize(
    ("refused", "english", "wanted"),
    [
        (
            lambda workspace: states.import_state(workspace, b"{}", by=None),
            "This is not a Terraform state. Send JSON with serial and lineage.",
            "Das ist kein State von Terraform. Senden Sie JSON mit serial und lineage.",
        ),
        (
            lambda workspace: states.lock_state(Job(workspace=workspace), b"[]"),
            "This is not Terraform's lock info. Send a JSON object with an ID.",
            "Das sind keine Angaben von Terraform zu einer Sperre. Senden Sie ein JSON-Objekt mit ID.",
        ),
        (
            lambda workspace: _locked(workspace, Who="ana@laptop", Operation="OperationTypeApply"),
            "The state is locked by ana@laptop (OperationTypeApply)",
            "Der State ist gesperrt von ana@laptop (OperationTypeApply)",
        ),
        (
            _locked,
            "The state is locked by an unknown user",
            "Der State ist gesperrt, von wem und wofür ist nicht bekannt",
        ),
        (
            _of_a_locked_workspace,
            "net is locked: no reason was given",
            "net ist gesperrt: ohne Angabe eines Grundes",
        ),
        (
            _beside_a_job,
            "Job 41 of net has not ended: wait for it, or cancel it first",
            "Job 41 von net ist nicht zu Ende: Warten Sie ihn ab, oder brechen Sie ihn zuerst ab",
        ),
        (
            lambda workspace: _over(workspace, state(8, "b2")),
            "The lineage b2 is not that of net, a1: it is another state",
            "Die Lineage b2 ist nicht die von net, a1: Es ist ein anderer State",
        ),
        (
            lambda workspace: _over(workspace, state(6)),
            "The serial 6 is not above 7, that of net",
            "Die Serial 6 ist nicht höher als 7, die von net",
        ),
    ],
)
def test_what_is_wrong_with_a_state_is_english_for_programs_and_translated_for_people(
    refused: Callable[[Workspace], Any], english: str, wanted: str
) -> None:
    workspace = WorkspaceFactory.create(name="net")
    with override("de"), pytest.raises(ServiceError) as caught:
        refused(workspace)
    assert caught.value.message == english
    with override("de"):
        assert translated(caught.value.message) == wanted


def test_the_history_of_a_workspace_tells_of_its_states(admin: Client, workspace: Workspace) -> None:
    with override("de"):
        states.import_state(workspace, state(), by=None)
        states.import_state(workspace, state(9), by=None)
    address = reverse("admin:workspaces_workspace_history", args=[workspace.pk])
    german = admin.get(address, headers={"accept-language": "de"}).content.decode()
    english = admin.get(address, headers={"accept-language": "en"}).content.decode()
    for said in ("imported, serial 7", "version 1, serial 7", "imported, serial 9"):
        assert said in english
        assert said not in german
    for said in ("eingebracht, Serial 7", "Version 1, Serial 7", "eingebracht, Serial 9"):
        assert said in german


# ---- what a plan does -----------------------------------------------------------------------------------------------


def test_a_plan_says_what_it_does_in_the_language_of_the_page() -> None:
    rows = [
        {"address": f"thing.{action}", "change": {"actions": [action]}}
        for action in ("create", "read", "delete", "forget")
    ]
    rows += [
        {"address": "thing.move", "previous_address": "thing.old", "change": {"actions": ["no-op"]}},
        {"address": "thing.import", "change": {"actions": ["no-op"], "importing": {"id": "1"}}},
        {"address": "thing.update", "change": {"actions": ["update"]}},
        {"address": "thing.replace", "change": {"actions": ["delete", "create"]}},
        {"address": "thing.forget-and-create", "change": {"actions": ["forget", "create"]}},
    ]
    results = SimpleNamespace(plan=read_plan(json.dumps({"resource_changes": rows}).encode()), outputs=None)

    def shown() -> str:
        return without_breaks(render_to_string("terrakube/run_results.html", {"results": results, "job": Job(pk=1)}))

    words = {
        "create": "Anlegen",
        "read": "Lesen",
        "delete": "Zerstören",
        "forget": "Vergessen",
        "forget-and-create": "Vergessen und neu anlegen",
        "update": "Ändern",
        "replace": "Ersetzen",
        "move": "Verschieben",
        "import": "Importieren",
    }
    assert set(words) == set(Action)
    english = shown()
    with override("de"):
        german = shown()
    for action, word in words.items():
        assert f">{action.replace('-', ' ').capitalize()}</span><code>thing.{action}</code>" in english
        assert f">{word}</span><code>thing.{action}</code>" in german
        # The colour and the sign of an action hang on its name.
        assert f"tk-action-{action}" in german


# ---- what is wrong with the settings of a pod -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        ((), 'EPHEMERAL_MEMORY_REQUEST: "2Gi" ist mehr als 1Gi, der Wert von EPHEMERAL_MEMORY_LIMIT.'),
        (
            ("EPHEMERAL_MEMORY_REQUEST", LIMIT),
            "EPHEMERAL_MEMORY_REQUEST: ihr Wert ist mehr als der Wert von EPHEMERAL_MEMORY_LIMIT.",
        ),
    ],
)
def test_two_settings_that_contradict_each_other(hidden: tuple[str, ...], words: str) -> None:
    with pytest.raises(EphemeralSyntaxErrors) as caught:
        pod_settings({"EPHEMERAL_MEMORY_REQUEST": "2Gi", LIMIT: "1Gi"}, hidden)
    with override("de"):
        assert translated(str(caught.value)).startswith(words)


def test_what_is_wrong_with_an_hcl_value() -> None:
    sentence = hcl_values.hcl_refusal("sizes", '["a", ]x', hcl=True)
    with override("de"):
        german = translated(sentence)
    assert (
        sentence
        == "sizes: invalid HCL expression at line 1, column 8: unexpected text after the end of the expression."
    )
    assert german == (
        "sizes: ungültiger HCL-Ausdruck in Zeile 1, Spalte 8: nach dem Ende des Ausdrucks folgt noch Text."
    )


@pytest.mark.parametrize("wrong", Wrong)
def test_every_fault_of_an_hcl_value_is_said(wrong: Wrong) -> None:
    with override("de"):
        assert translated(wrong.value) != wrong.value
