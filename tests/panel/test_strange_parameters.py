"""What no form of the panel sends: each page answers it with a sentence, a redirect or a refusal, never by breaking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.contrib import admin as django_admin
from django.db import transaction
from django.test import Client

from tests.panel.test_job_page import launch, start
from workspaces.models import Job, PolicyRule, Vcs, Workspace

pytestmark = pytest.mark.django_db

REGISTERED = django_admin.site._registry
STRANGE = ("no uuid 💥%", "a\0b", "9" * 400)
LISTS = sorted(model._meta.label_lower.replace(".", "/") for model in REGISTERED)


@pytest.fixture
def asked(admin: Client) -> Client:
    admin.raise_request_exception = False
    return admin


def broken(answers: Iterator[tuple[str, Any]]) -> list[str]:
    return [
        f"{what!r:.200} was answered {answer.status_code}: {answer.exc_info and answer.exc_info[1]!r}"
        for what, answer in answers
        if answer.status_code >= 500
    ]


def alone(ask: Callable[..., Any], *arguments: Any) -> Any:
    """Ask and undo what it did, so that one broken answer does not break those after it."""
    with transaction.atomic():
        answer = ask(*arguments)
        transaction.set_rollback(True)
    return answer


def asking(client: Client, address: str, *names: str) -> Iterator[tuple[str, Any]]:
    for name in names:
        for value in STRANGE:
            asked = f"{address}{'&' if '?' in address else '?'}{urlencode({name: value})}"
            yield asked, alone(client.get, asked)


def sending(client: Client, address: str, known: dict[str, Any], *names: str) -> Iterator[tuple[str, Any]]:
    for name in names:
        for value in STRANGE:
            yield f"{address} {name}={value}", alone(client.post, address, {**known, name: value})


@pytest.mark.parametrize("address", LISTS)
def test_a_list_bears_any_text_in_its_search_and_its_filters(asked: Client, address: str) -> None:
    model = next(model for model in REGISTERED if model._meta.label_lower.replace(".", "/") == address)
    filters = getattr(REGISTERED[model], "list_filter", ())
    names = [found if isinstance(found, str) else getattr(found, "parameter_name", "") for found in filters]
    every = {"q": names, "exact": [f"{name}__exact" for name in names], "id": [f"{name}__id__exact" for name in names]}
    answers = []
    for value in STRANGE:
        for search, fields in every.items():
            path = f"/admin/{address}/?{urlencode({search: value, **{name: value for name in fields if name}})}"
            answers.append((path, alone(asked.get, path)))
        path = f"/admin/{address}/{quote(value)}/change/"
        answers.append((path, alone(asked.get, path)))
    assert broken(iter(answers)) == []


def test_the_pages_of_a_workspace_bear_any_text(asked: Client, workspace: Workspace) -> None:
    here = f"/admin/workspaces/workspace/{workspace.pk}"
    listed = "/admin/workspaces/workspace/"
    chosen = {"_selected_action": str(workspace.pk)}
    setting = {"name": "EPHEMERAL_MEMORY_LIMIT", "what": "set", "text": "1Gi"}
    lookup = {"app_label": "workspaces", "model_name": "workspace", "field_name": "organization"}
    in_an_organization = {"app_label": "workspaces", "model_name": "reference", "field_name": "workspace"}
    offered = f"/admin/autocomplete/?{urlencode(in_an_organization)}"
    # The last of two counts.
    autocomplete = f"/admin/autocomplete/?{urlencode(lookup)}&x"
    connection = Vcs.objects.create(organization=workspace.organization, name="public", vcs_type="PUBLIC")
    chosen_branch = f"{listed}from-repository/?vcs={connection.pk}&repository=https://git.example/a/b&branch=main"
    answers = [
        *asking(asked, f"{here}/kubernetes-job/", "type"),
        *asking(asked, f"{here}/jobs/", "page"),
        *asking(asked, f"{listed}add/", "organization", "_to_field", "_popup", "_changelist_filters"),
        *(found for name in ("term", "page", *lookup) for found in asking(asked, autocomplete, name)),
        *asking(asked, offered, "organization"),
        *sending(
            asked,
            listed,
            {"action": "set_setting", **chosen, "_preview": "1", **setting},
            "action",
            "_selected_action",
            "select_across",
            "index",
            *setting,
        ),
        *sending(
            asked, listed, {"action": "set_setting", **chosen, "_apply": "1", **setting}, "_selected_action", *setting
        ),
        *sending(asked, listed, {"action": "plan", **chosen, "_apply": "1"}, "_selected_action", "comment"),
        *sending(asked, f"{here}/start/", {}, "template", "comments", "targets", "replaces", "priority", "branch"),
        *asking(asked, f"{listed}from-repository/", "vcs", "search", "page"),
        *asking(asked, f"{listed}from-repository/?vcs={connection.pk}", "group", "repository", "search", "page"),
        *sending(asked, chosen_branch, {"folder": "x", "name:x": "x"}, "folder", "name:x", "iac_type", "project"),
        *sending(asked, f"{here}/lock/", {}, "reason"),
        *sending(asked, f"{here}/upload/", {}, "archive"),
    ]
    assert broken(iter(answers)) == []
    assert not Job.objects.exists()


def test_the_pages_of_a_job_bear_any_text(asked: Client, workspace: Workspace) -> None:
    attempt = launch(start(workspace))
    job, step = attempt.step.job, attempt.step
    log = f"/runs/{job.pk}/steps/{step.pk}"
    answers = [
        *asking(asked, "/runs/", "ids"),
        *asking(asked, f"/runs/{job.pk}/live", "version"),
        *asking(asked, f"{log}/log", "attempt", "offset", "tail"),
        *asking(asked, f"{log}/find", "attempt", "offset", "text"),
        *asking(asked, f"{log}/log.txt", "attempt", "colors", "inline"),
        *sending(asked, f"/admin/workspaces/job/{job.pk}/approve/", {}, "comment"),
        *sending(asked, f"/admin/workspaces/job/{job.pk}/reject/", {}, "comment"),
        *((path, alone(asked.get, path)) for path in (f"/runs/{'9' * 40}/", f"/runs/{'9' * 40}/live")),
        *(
            (path, alone(asked.post, path))
            for path in (f"/admin/workspaces/job/{'9' * 40}/{what}/" for what in ("approve", "cancel", "again", "stop"))
        ),
    ]
    assert broken(iter(answers)) == []


def test_the_pages_of_rules_bear_any_text(asked: Client, workspace: Workspace) -> None:
    rule = PolicyRule.objects.create(setting="EPHEMERAL_MEMORY_LIMIT", maximum="1Gi")
    known = {"setting": "EPHEMERAL_MEMORY_LIMIT", "effect": "limited", "maximum": "1Gi", "_rule": str(rule.pk)}
    names = (
        "_rule",
        "organization",
        "setting",
        "effect",
        "value",
        "allowed",
        "refused",
        "minimum",
        "maximum",
        "reason",
    )
    answers = [
        *sending(asked, "/admin/workspaces/policyrule/preview/", known, *names),
        *sending(asked, "/admin/workspaces/policyrule/add/", known, *names),
    ]
    assert broken(iter(answers)) == []


def test_signing_in_bears_any_text(client: Client) -> None:
    client.raise_request_exception = False
    answers = [
        *sending(client, "/admin/login/", {"username": "ada", "password": "wrong"}, "username", "password", "next"),
        *asking(client, "/admin/login/", "next"),
        *asking(client, "/sign-in/", "next", "code", "state", "error"),
        *sending(client, "/i18n/setlang/", {"language": "en"}, "language", "next"),
    ]
    assert broken(iter(answers)) == []


def test_a_rule_that_is_gone_is_not_taken_for_a_new_one(admin: Client) -> None:
    rule = PolicyRule.objects.create(setting="EPHEMERAL_MEMORY_LIMIT", maximum="1Gi")
    sent = {"setting": rule.setting, "effect": "limited", "maximum": "2Gi", "_rule": str(rule.pk)}
    rule.delete()
    assert admin.post("/admin/workspaces/policyrule/preview/", sent).status_code == 404


def test_a_chosen_organization_that_is_none_is_said_at_its_field(admin: Client) -> None:
    answer = admin.post("/admin/workspaces/policyrule/add/", {"organization": "no uuid", "effect": "limited"})
    assert answer.context["adminform"].form.errors["organization"] == ["“no uuid” is not a valid UUID."]
