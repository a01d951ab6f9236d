"""The panel speaks the language of its reader, as far as its texts are translated."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.contrib.admin import site
from django.contrib.admin.utils import label_for_field
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from tests.factories import DESTROY, PLAN, WorkspaceFactory
from tests.support.catalogues import TRANSLATED, catalogue_of
from workspaces.choices import JobStatus
from workspaces.jobs import blockers
from workspaces.models import Step, Workspace
from workspaces.services import jobs

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("catalogues"),
]


def page(client: Client, address: str, language: str) -> str:
    return client.get(address, headers={"accept-language": language}).content.decode()


# What the page of a workspace says in each language, the last in its list of jobs.
SAID = {
    "en": ("Start a job", "Lock…", "Schedules", "Pending"),
    "de": ("Einen Job starten", "Sperren…", "Zeitpläne", "Wartend"),
    "es": ("Iniciar un job", "Bloquear…", "Programaciones", "Pendiente"),
}


def test_a_page_is_in_the_readers_language_and_in_english_for_others(admin: Client) -> None:
    workspace = WorkspaceFactory.create(source="empty", branch="remote-content")
    jobs.create_job(workspace, by=None, tcl=PLAN)
    address = reverse("admin:workspaces_workspace_overview", args=[workspace.pk])
    shown = {language: page(admin, address, language) for language in (*SAID, "fr")}
    assert set(SAID) == {code for code, _ in settings.LANGUAGES}
    for language, texts in SAID.items():
        assert f'lang="{language}"' in shown[language]
        for text in texts:
            assert [other for other in SAID if text in shown[other]] == [language]
    assert 'lang="en"' in shown["fr"]


@pytest.mark.parametrize(("language", "overview"), [("de", "Überblick"), ("es", "Resumen")])
def test_a_reader_chooses_a_language_that_stays(admin: Client, language: str, overview: str) -> None:
    response = admin.post(reverse("set_language"), {"language": language, "next": reverse("admin:index")})
    assert response["Location"] == reverse("admin:index")
    assert overview in admin.get(reverse("admin:index")).content.decode()


def test_a_decision_is_in_the_readers_language() -> None:
    step = Step(name="Review", decision="approved", decided_by="ana")
    for language, said in (("en", "approved by ana"), ("de", "freigegeben von ana"), ("es", "aprobado por ana")):
        with override(language):
            shown = render_to_string("terrakube/run_steps.html", {"run": {"steps": [{"step": step}]}})
        assert said in shown


def test_the_labels_that_other_packages_give_are_in_every_language() -> None:
    # Each catalogue has the same texts; a word that is the same in both languages is there too.
    known = set(re.findall(r'^msgid "(.*)"$', catalogue_of(TRANSLATED[0]).read_text(), re.MULTILINE))
    for model, shown in site._registry.items():
        if model._meta.app_label in {"workspaces", "vcs", "executors"}:
            continue
        for name in {*shown.list_display, *shown.readonly_fields}:
            with override("en"):
                english = str(label_for_field(name, model, shown))
            for language in TRANSLATED:
                with override(language):
                    assert english in known or str(label_for_field(name, model, shown)) != english, (language, name)


def test_programs_get_the_same_words_in_every_language(admin: Client, workspace: Workspace) -> None:
    job = jobs.create_job(workspace, by=None, tcl=PLAN)
    address = f"/api/v1/organization/{workspace.organization_id}/job/{job.pk}"
    answers = {page(admin, address, language) for language in SAID}
    assert len(answers) == 1
    assert '"pending"' in answers.pop()


def test_programs_are_refused_in_the_same_words_in_every_language(admin: Client, workspace: Workspace) -> None:
    address = f"/api/v1/organization/{workspace.organization_id}/workspace"
    document = {"data": {"type": "workspace", "attributes": {"name": "x" * 65, "terraformVersion": "1.11.4"}}}
    said = set()
    for language in SAID:
        response = admin.post(address, document, "application/vnd.api+json", headers={"accept-language": language})
        assert response.status_code == 400
        said.add(response.content)
    assert len(said) == 1


def test_a_reason_is_kept_in_english_whoever_caused_it(workspace: Workspace) -> None:
    first = jobs.create_job(workspace, by=None, tcl=DESTROY)
    second = jobs.create_job(workspace, by=None, tcl=DESTROY)
    for language in SAID:
        with override(language):
            assert str(JobStatus.PENDING.label) == SAID[language][-1]
            wait = blockers.why_wait(second)
        assert wait is not None
        assert f"job {first.pk} of this workspace, which is pending" in str(wait)
