"""No page, form, preview, history or log line holds a sensitive value, whatever its form was refused for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse

from executors.launching import launcher
from executors.launching.redaction import redact_job, redact_message, secret_texts, visible_resources
from executors.preview import dry_run
from executors.preview.expected_job import expected_job
from tests.factories import (
    PLAN,
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    ReferenceFactory,
    VariableFactory,
    WorkspaceFactory,
)
from tests.panel.forms import fields_of, submit
from tests.support.secrets import SECRET, WRONG, Logged, all_logged, found_in, written
from workspaces.choices import Category
from workspaces.jobs import transitions
from workspaces.models import PolicyRule, Workspace
from workspaces.models.variable import HIDDEN
from workspaces.pods import SETTINGS, pod_settings
from workspaces.pods.catalogue import ENABLE, RESOURCES
from workspaces.services.jobs import create_job
from workspaces.variables.in_force import workspace_inputs

pytestmark = [pytest.mark.django_db, pytest.mark.once]
NAMES = [*SETTINGS, "EPHEMERAL_CPU_LIMITS"]
# A valid text of each kind of setting, in which every word is the setting's own.
VALID = {
    # Only the name of a cluster that is there is valid.
    "EPHEMERAL_CONFIG_CLUSTER": "default",
    "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS": "quagga.example/okapi=zebra-okapi",
    "EPHEMERAL_CONFIG_SERVICE_ACCOUNT": "quagga-okapi",
    "EPHEMERAL_CONFIG_ANNOTATIONS": "quagga.example/okapi=Zebra Okapi",
    "EPHEMERAL_CONFIG_MAP_NAME": "quagga-okapi",
    "EPHEMERAL_CONFIG_MAP_MOUNT_PATH": "/quagga/okapi/",
    "EPHEMERAL_CONFIG_TOLERATIONS": "quagga=okapi:Equal:NoSchedule;zebra:Exists",
    "TF_PLUGIN_CACHE_DIR": "/zebra/quagga",
    "PVC_CLAIM_NAME": "zebra-quagga",
    "EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT": "fsGroup=54321;runAsUser=65432",
    "EPHEMERAL_CONFIG_SECURITY_CONTEXT": "allowPrivilegeEscalation=false",
    "EPHEMERAL_JOB_ENV_VARS": "QUAGGA=Zebra Okapi",
    "EPHEMERAL_CONFIG_LABELS": "quagga.example/okapi=zebra-okapi",
    "EPHEMERAL_CONFIG_POD_ANNOTATIONS": "quagga.example/okapi=Zebra Okapi",
    "EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP": "quagga-okapi, zebra-okapi",
    **{name: f"{at + 1}{at + 2}{at + 3}Mi" for at, name in enumerate(n for pair in RESOURCES.values() for n in pair)},
}
WORDS = ("quagga", "okapi", "zebra", "QUAGGA", "Okapi", "Zebra", "54321", "65432", "123Mi", "345Mi", "567Mi", "678Mi")


@pytest.fixture
def logged() -> Iterator[Logged]:
    with all_logged() as handler:
        yield handler


def page(client: Client, name: str, *arguments: Any, **data: Any) -> str:
    address = reverse(f"admin:{name}", args=arguments)
    return str((client.post(address, data) if data else client.get(address)).content.decode())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("text", WRONG)
@pytest.mark.parametrize("kind", ["variable", "globalvariable", "item"])
def test_no_form_tells_the_value(kind: str, text: str, workspace: Workspace, admin: Client, logged: Logged) -> None:
    collection = CollectionFactory.create(organization=workspace.organization)
    given: Any = {"key": "password", "value": text, "sensitive": True, "category": Category.TERRAFORM}
    if kind == "variable":
        record: Any = VariableFactory.create(workspace=workspace, **given)
        forms = {
            reverse("admin:workspaces_variable_change", args=[record.pk]): ("variable_form", ""),
            reverse("admin:workspaces_workspace_variables", args=[workspace.pk]): ("workspace_form", "variables-0-"),
        }
    elif kind == "globalvariable":
        record = GlobalVariableFactory.create(organization=workspace.organization, **given)
        forms = {reverse("admin:workspaces_globalvariable_change", args=[record.pk]): ("globalvariable_form", "")}
    else:
        record = ItemFactory.create(collection=collection, **given)
        forms = {reverse("admin:workspaces_collection_change", args=[collection.pk]): ("collection_form", "items-0-")}
    for address, (form, prefix) in forms.items():
        filled = fields_of(admin.get(address).content.decode(), form)
        # The page of a workspace has all else in it too.
        for name in NAMES if text == SECRET and "workspace/" not in address else NAMES[::6]:
            for more in ({}, {"sensitive": None}, {"value": text}):
                renamed = {"key": name, "category": "ENV", **more}
                data = filled | {f"{prefix}{key}": value for key, value in renamed.items()}
                answer = admin.post(address, {name: value for name, value in data.items() if value is not None})
                assert not found_in(answer.content.decode(), text), (name, more)
                type(record).objects.filter(pk=record.pk).update(key="password", category="TERRAFORM")
                assert type(record).objects.get(pk=record.pk).sensitive
        assert not found_in(admin.get(address).content.decode(), text)
    for said in (*logged.lines, written()):
        assert not found_in(said, text)


@pytest.mark.parametrize("text", WRONG)
def test_the_executors_section_does_not_tell_what_was_typed_for_a_secret(
    text: str, workspace: Workspace, admin: Client
) -> None:
    address = reverse("admin:workspaces_workspace_pods", args=[workspace.pk])
    names = [name for name in SETTINGS if name != ENABLE]
    for name in names:
        VariableFactory.create(workspace=workspace, key=name, value="", sensitive=True)
    typed = {f"ephemeral-{name}": text for name in names} | {f"ephemeral-{name}-set": "1" for name in names}
    answer = submit(admin, address, "workspace_form", typed)
    assert answer.status_code == 200
    assert "its value has the wrong format" in answer.content.decode()
    assert not found_in(answer.content.decode(), text)
    assert not found_in(written(), text)


def test_a_change_of_many_does_not_tell_the_value_of_one(workspace: Workspace, admin: Client) -> None:
    name = "EPHEMERAL_CPU_LIMIT"
    PolicyRule.objects.create(organization=workspace.organization, setting=name, maximum="1")
    VariableFactory.create(workspace=workspace, key=name, value="3217m", sensitive=True)
    VariableFactory.create(workspace=workspace, key="EPHEMERAL_CPU_REQUEST", value="1234m", sensitive=True)
    address = reverse("admin:workspaces_workspace_changelist")
    effects = {}
    for text in ("3217m", "3218m", "2111m", SECRET):
        sent = {"action": "set_setting", ACTION_CHECKBOX_NAME: [str(workspace.pk)], "_preview": "1"}
        answer = admin.post(address, {**sent, "name": name, "what": "set", "text": text})
        # What was typed stays in its field, which anybody sees who types it.
        shown = answer.content.decode().replace(f'value="{text}"', "")
        assert not found_in(shown, text)
        assert "1234" not in shown
        effects[text] = [(one.before, one.changes, one.refused) for one in answer.context["effects"]]
    # Whether it is the same text is not told either.
    assert effects["3217m"] == effects["3218m"]


def test_no_job_that_is_shown_or_kept_holds_what_its_sensitive_settings_say(workspace: Workspace) -> None:
    for name, text in VALID.items():
        VariableFactory.create(workspace=workspace, key=name, value=text, sensitive=True)
    VariableFactory.create(workspace=workspace, key=ENABLE, value="1")
    assert VALID.keys() | {ENABLE} == SETTINGS.keys()
    inputs = workspace_inputs(workspace)
    body = expected_job(workspace, claim_exists=True)
    pod = pod_settings(inputs.texts(Category.ENV), inputs.hidden)
    assert {word for word in WORDS if word in str(body)} == set(WORDS)
    shown = redact_job(body, inputs.environment)
    assert [word for word in WORDS if word in f"{shown} {dry_run.referenced_objects(shown)}"] == []
    assert shown["metadata"]["name"] == body["metadata"]["name"]
    assert [volume["name"] for volume in shown["spec"]["template"]["spec"]["volumes"]][:2] == [
        "config-volume",
        "tf-plugin-volume",
    ]
    assert visible_resources(pod, inputs.environment) == {"requests": {}, "limits": {}}


def test_the_preview_page_and_all_lists_hold_none_of_it(workspace: Workspace, admin: Client) -> None:
    for name, text in VALID.items():
        VariableFactory.create(workspace=workspace, key=name, value=text, sensitive=True)
    VariableFactory.create(workspace=workspace, key=ENABLE, value="1")
    VariableFactory.create(workspace=workspace, key="plain", value="seen-everywhere")
    pages = [page(admin, "workspaces_workspace_preview", workspace.pk)]
    for kind in ("workspace", "variable", "globalvariable", "collection", "job"):
        pages.append(page(admin, f"workspaces_{kind}_changelist"))
    pages += [page(admin, "auditlog_logentry_changelist"), page(admin, "workspaces_workspace_history", workspace.pk)]
    for row in workspace.variables.all():
        pages += [page(admin, f"workspaces_variable_{kind}", row.pk) for kind in ("history", "delete", "change")]
    for text in pages:
        assert [word for word in WORDS if word in text] == []
    assert HIDDEN in pages[0]
    assert any("seen-everywhere" in text for text in pages)


@pytest.mark.parametrize("text", WRONG)
def test_a_launch_that_is_refused_does_not_tell_the_value(text: str, workspace: Workspace, logged: Logged) -> None:
    other = WorkspaceFactory.create(organization=workspace.organization)
    collection = CollectionFactory.create(organization=workspace.organization)
    for owner in (workspace, other):
        ReferenceFactory.create(collection=collection, workspace=owner)
    for name in SETTINGS:
        ItemFactory.create(collection=collection, key=name, value=text, sensitive=True, category=Category.ENV)
    job = create_job(workspace, by=None, tcl=PLAN)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    launcher.launch_due_attempt(step_id)
    job.refresh_from_db()
    step = job.steps.get()
    assert step.reason
    for said in (step.reason, job.reason, *logged.lines):
        assert not found_in(said, text)


def test_what_a_cluster_says_is_told_without_the_settings_texts(workspace: Workspace) -> None:
    for name, text in VALID.items():
        VariableFactory.create(workspace=workspace, key=name, value=text, sensitive=True)
    secrets = secret_texts(workspace_inputs(workspace).environment)
    said = (
        'Job.batch "job-1" is invalid: spec.template.labels: Invalid value: "zebra-okapi"; configmaps "quagga-okapi" '
        "not found; exceeded quota: requests.cpu=123Mi; taint quagga:okapi; mount /quagga/okapi; user 65432"
    )
    told = redact_message(said, secrets)
    assert [word for word in WORDS if word in told] == []
    assert told.startswith('Job.batch "job-1" is invalid: spec.template.labels: Invalid value: "')
