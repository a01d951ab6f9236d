"""A workspace's overview and tabs: each has an address, shows its part, and saves that part alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from tests.factories import (
    PLAN,
    PLAN_APPROVE_APPLY,
    CollectionFactory,
    OrganizationFactory,
    TeamFactory,
    TemplateFactory,
    UserFactory,
    VariableFactory,
    WorkspaceFactory,
)
from tests.panel.forms import fields_of, submit
from workspaces.admin.workspace_tabs import FORM_TABS
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Access, Job, PolicyRule, Schedule, Workspace
from workspaces.pods.catalogue import ENABLE
from workspaces.services import jobs
from workspaces.services.locks import lock_workspace

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Client]
TABS = ("overview", "jobs", "states", *FORM_TABS)
QUERIES = 22
"""Of the page with the most: session, user, rights and what the tab shows."""
MEMORY, SELECTOR = "EPHEMERAL_MEMORY_LIMIT", "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS"


def tab(workspace: Workspace, name: str = "overview") -> str:
    return reverse(f"admin:workspaces_workspace_{name}", args=[workspace.pk])


def text_of(client: Client, address: str) -> str:
    page = client.get(address)
    assert page.status_code == 200
    return page.content.decode()


@pytest.fixture
def furnished(workspace: Workspace) -> Workspace:
    """A workspace with something on each tab."""
    VariableFactory.create(workspace=workspace, key="region", value="eu", category="TERRAFORM")
    VariableFactory.create(workspace=workspace, key=MEMORY, value="1Gi", category="ENV")
    Access.objects.create(workspace=workspace, name="AUDITORS", role="read")
    workspace.description, workspace.folder = "all of it", "live"
    workspace.save()
    return workspace


def stored(workspace: Workspace) -> dict[str, Any]:
    """All that the tabs save."""
    names = [field.name for field in Workspace._meta.concrete_fields if not field.name.startswith("updated")]
    row = Workspace.objects.filter(pk=workspace.pk).values(*names).get()
    variables = dict(workspace.variables.values_list("key", "value"))
    return {**row, "variables": variables, "accesses": list(workspace.accesses.values_list("name", "role"))}


def test_the_address_of_a_workspace_leads_to_its_overview_and_each_tab_to_the_others(
    admin: Client, furnished: Workspace
) -> None:
    assert tab(furnished) == f"/admin/workspaces/workspace/{furnished.pk}/"
    assert f'href="{tab(furnished)}"' in text_of(admin, reverse("admin:workspaces_workspace_changelist"))
    for name in TABS:
        text = text_of(admin, tab(furnished, name))
        for other in TABS:
            current = ' aria-current="page"' if other == name else ""
            assert f'<a href="{tab(furnished, other)}"{current}' in text, (name, other)
        assert text.count('aria-current="page"') == 1
        assert reverse("admin:workspaces_workspace_start", args=[furnished.pk]) in text


@pytest.mark.parametrize("name", TABS)
def test_a_tab_takes_the_same_queries_for_many_records(
    name: str, admin: Client, furnished: Workspace, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(12):
        VariableFactory.create(workspace=furnished, key=f"key_{number}")
        TeamFactory.create(organization=furnished.organization)
        Access.objects.create(workspace=furnished, name=f"GROUP{number}", role="plan")
        jobs.create_job(furnished, by=None, tcl=PLAN)
    most: AbstractContextManager[Any] = django_assert_max_num_queries(QUERIES)
    with most:
        assert admin.get(tab(furnished, name)).status_code == 200


def waiting(workspace: Workspace) -> Job:
    job = jobs.create_job(workspace, by=None, tcl=PLAN_APPROVE_APPLY)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    transitions.start_step(step_id)
    transitions.finish_step(step_id, transitions.Outcome(succeeded=True, changes=True, plan="https://site.example/p"))
    transitions.advance(job.pk)
    return Job.objects.get(pk=job.pk, status=JobStatus.WAITING_APPROVAL)


def test_the_overview_says_what_waits_who_locked_it_and_who_may_approve(admin: Client, furnished: Workspace) -> None:
    TeamFactory.create(organization=furnished.organization, name="RELEASERS", approve_job=True)
    assert "No job has run here yet." in text_of(admin, tab(furnished))
    job = waiting(furnished)
    lock_workspace(furnished, by=None, reason="audit until Friday")
    text = text_of(admin, tab(furnished))
    now = text.split("Last jobs")[0]
    assert f"Job {job.pk}" in now
    assert "Waiting for approval" in now
    assert "Review the plan" in now
    assert "audit until Friday" in text
    assert "RELEASERS" in text.split("Approve and apply")[1].split("</dd>")[0]
    assert "AUDITORS" not in text.split("Approve and apply")[1].split("</dd>")[0]
    assert f">#{job.pk}</a>" in text_of(admin, tab(furnished, "jobs"))


@pytest.mark.parametrize(
    ("name", "entered", "changed"),
    [
        ("source", {"branch": "release"}, {"branch": "release"}),
        ("settings", {"description": "some of it"}, {"description": "some of it"}),
        ("access", {"accesses-0-role": "plan"}, {"accesses": [("AUDITORS", "plan")]}),
        ("variables", {"variables-0-value": "us"}, {"variables": {"region": "us", MEMORY: "1Gi"}}),
        (
            "pods",
            {f"ephemeral-{SELECTOR}": "disk=ssd", f"ephemeral-{SELECTOR}-set": "1"},
            {"variables": {"region": "eu", MEMORY: "1Gi", SELECTOR: "disk=ssd"}},
        ),
    ],
)
def test_a_tab_saves_its_part_and_leaves_the_rest(
    name: str, entered: dict[str, Any], changed: dict[str, Any], admin: Client, furnished: Workspace
) -> None:
    before = stored(furnished)
    # What another tab would send is not this one's to save.
    foreign = {"name": "renamed", "source": "https://git.example/x", "deleted": "on", "variables-0-key": "other"}
    fields = fields_of(text_of(admin, tab(furnished, name)), "workspace_form")
    answer = admin.post(tab(furnished, name), {**foreign, **fields, **entered})
    assert answer.status_code == 302, answer.content.decode()[:2000]
    assert answer["Location"] == tab(furnished, name)
    assert stored(furnished) == {**before, **changed}


def test_a_tab_that_nobody_touched_changes_nothing(admin: Client, furnished: Workspace) -> None:
    before = stored(furnished)
    for name in FORM_TABS:
        assert submit(admin, tab(furnished, name), "workspace_form", {}).status_code == 302
        assert stored(furnished) == before, name


def test_a_setting_of_the_pods_stands_on_their_tab_and_is_not_made_twice(admin: Client, furnished: Workspace) -> None:
    text = text_of(admin, tab(furnished, "variables"))
    assert f'value="{MEMORY}"' not in text
    assert f'<a href="{tab(furnished, "pods")}">{MEMORY}</a>' in text
    assert 'value="1Gi"' in text_of(admin, tab(furnished, "pods"))
    row = {"variables-TOTAL_FORMS": "2", "variables-1-key": MEMORY, "variables-1-value": "2Gi"}
    again = {**row, "variables-1-category": "ENV", "variables-1-workspace": str(furnished.pk)}
    refused = submit(admin, tab(furnished, "variables"), "workspace_form", again)
    assert refused.status_code == 200
    assert f"{MEMORY} is already set. Change it on the Pods tab." in refused.content.decode()
    new = {**again, "variables-1-key": SELECTOR, "variables-1-value": "not a pair"}
    refused = submit(admin, tab(furnished, "variables"), "workspace_form", new)
    assert refused.status_code == 200
    assert stored(furnished)["variables"] == {"region": "eu", MEMORY: "1Gi"}


def test_a_reader_sees_every_tab_and_saves_none(furnished: Workspace, sign_in: SignIn) -> None:
    client, before = sign_in(furnished.organization, role="read"), stored(furnished)
    for name in TABS:
        text = text_of(client, tab(furnished, name))
        assert "Start a job" not in text
        assert 'name="_save"' not in text
        assert "Delete the workspace" not in text
    for name in FORM_TABS:
        assert client.post(tab(furnished, name), {"description": "x", "branch": "x"}).status_code == 403
    for name in ("overview", "jobs"):
        assert client.post(tab(furnished, name)).status_code == 405
    assert stored(furnished) == before


def test_the_address_of_a_records_page_leads_to_the_overview_and_saves_nothing(
    admin: Client, furnished: Workspace, sign_in: SignIn
) -> None:
    before = stored(furnished)
    answer: Any = admin.get(tab(furnished, "change"))
    assert (answer.status_code, answer.url) == (302, tab(furnished, "overview"))
    assert admin.post(tab(furnished, "change"), {"name": "renamed"}).status_code == 405
    assert sign_in(OrganizationFactory.create(), role="read").get(tab(furnished, "change")).status_code == 404
    assert stored(furnished) == before


def test_no_page_of_an_uploaded_source_has_the_words_of_the_api(
    admin: Client, furnished: Workspace, sign_in: SignIn
) -> None:
    Workspace.objects.filter(pk=furnished.pk).update(source="empty", branch="remote-content")
    before = stored(furnished)
    reader = sign_in(furnished.organization, role="read")
    for client in (admin, reader):
        text = text_of(client, tab(furnished, "source"))
        assert "Uploaded archive (tar.gz)" in text
        assert "remote-content" not in text
        assert ">empty<" not in text
    assert submit(admin, tab(furnished, "source"), "workspace_form", {}).status_code == 302
    assert stored(furnished) == before


def test_who_sees_no_workspace_sees_no_tab(furnished: Workspace, sign_in: SignIn) -> None:
    elsewhere = sign_in(TeamFactory.create(name="ELSEWHERE").organization, role="admin")
    for name in TABS:
        answer = elsewhere.get(tab(furnished, name))
        assert answer.status_code == 404, name
        assert furnished.name not in answer.content.decode()


def test_without_a_team_the_overview_says_that_administrators_alone_may(
    admin: Client, workspace: Workspace, sign_in: SignIn
) -> None:
    assert text_of(admin, tab(workspace)).count("Administrators only") == 4
    # A reader does not see every team, so the page does not say that there is none.
    assert "Administrators only" not in text_of(sign_in(workspace.organization, role="read"), tab(workspace))
    TeamFactory.create(organization=workspace.organization, name="planners", role="plan")
    assert text_of(admin, tab(workspace)).count("Administrators only") == 3


def test_what_is_dangerous_stands_at_the_end_of_the_settings(admin: Client, furnished: Workspace) -> None:
    lock_workspace(furnished, by=None, reason="audit")
    text = text_of(admin, tab(furnished, "settings"))
    before, danger = text.split('id="danger"')
    assert 'name="_save"' in before, "who fills in the form on a phone meets its button first"
    assert "Unlock by force" in danger
    assert reverse("admin:workspaces_workspace_delete", args=[furnished.pk]) in danger
    assert 'name="deleted"' not in text
    Workspace.objects.filter(pk=furnished.pk).update(deleted=True)
    for name in TABS:
        text = text_of(admin, tab(furnished, name))
        assert reverse("admin:workspaces_workspace_restore", args=[furnished.pk]) in text, name
        assert "Start a job" not in text


def test_the_schedules_of_a_workspace_say_in_words_when_they_run(admin: Client, workspace: Workspace) -> None:
    template = TemplateFactory.create(organization=workspace.organization)
    Schedule.objects.create(
        workspace=workspace, template=template, name="Nightly", cron="0 0 2 ? * * *", time_zone="Europe/Berlin"
    )
    text = " ".join(text_of(admin, tab(workspace, "source")).split())
    assert ">Nightly</a>" in text
    assert "At 02:00, every day (Europe/Berlin)" in text


@pytest.mark.parametrize("name", TABS)
def test_each_tab_says_at_its_top_what_a_policy_refuses(name: str, admin: Client, furnished: Workspace) -> None:
    assert "A policy rule refuses this workspace" not in text_of(admin, tab(furnished, name))
    VariableFactory.create(workspace=furnished, key=ENABLE, value="1", category="ENV")
    PolicyRule.objects.create(organization=furnished.organization, setting=MEMORY, maximum="512Mi", reason="Ask us.")
    text = text_of(admin, tab(furnished, name))
    assert text.count("A policy rule refuses this workspace") == 1
    assert "Ask us." in text.split("A policy rule refuses this workspace")[1].split("</section>")[0]


def test_who_reads_the_state_is_chosen_by_name_within_the_organization(admin: Client, furnished: Workspace) -> None:
    reader = WorkspaceFactory.create(organization=furnished.organization, name="reader")
    stranger = WorkspaceFactory.create(name="stranger")
    Workspace.objects.filter(pk=furnished.pk).update(global_remote_state=False)
    submit(admin, tab(furnished, "access"), "workspace_form", {"shared_ids": [str(reader.pk)]})
    assert stored(furnished)["shared_ids"] == str(reader.pk)
    page = text_of(admin, tab(furnished, "access"))
    assert f'<option value="{reader.pk}" selected>reader' in page
    assert "Which workspaces read which state" in page
    refused = submit(admin, tab(furnished, "access"), "workspace_form", {"shared_ids": [str(stranger.pk)]})
    assert "Choose workspaces of the same organization." in refused.content.decode()
    submit(admin, tab(furnished, "access"), "workspace_form", {"shared_ids": []})
    assert stored(furnished)["shared_ids"] is None


@pytest.mark.parametrize("page", ["workspace", "collection"])
def test_a_select_offers_the_workspaces_of_the_organization_only(
    page: str, admin: Client, furnished: Workspace
) -> None:
    Workspace.objects.filter(pk=furnished.pk).update(global_remote_state=False)
    WorkspaceFactory.create(name="stranger")
    collection = CollectionFactory.create(organization=furnished.organization)
    address = {
        "workspace": tab(furnished, "access"),
        "collection": f"/admin/workspaces/collection/{collection.pk}/change/",
    }[page]
    assert f'data-organization="{furnished.organization_id}"' in text_of(admin, address)
    field = {"app_label": "workspaces", "model_name": "reference", "field_name": "workspace"}

    def offered(organization: str) -> set[str]:
        answer = admin.get("/admin/autocomplete/", {**field, "organization": organization})
        return {row["text"] for row in answer.json()["results"]}

    both = {str(one) for one in Workspace.objects.all()}
    assert offered("") == both
    assert offered(str(furnished.organization_id)) == {str(furnished)}
    assert offered("x") == set()


def test_who_reads_the_state_and_is_not_seen_stays_chosen(furnished: Workspace) -> None:
    seen, unseen = (WorkspaceFactory.create(organization=furnished.organization, name=name) for name in ("a", "b"))
    for workspace in (furnished, seen):
        Access.objects.create(workspace=workspace, name="OPERATORS", role="admin")
    text = f"{seen.pk},{unseen.pk}"
    Workspace.objects.filter(pk=furnished.pk).update(global_remote_state=False, shared_ids=text)
    user = UserFactory.create(is_staff=True)
    user.groups.add(Group.objects.create(name="OPERATORS"))
    operator = Client()
    operator.force_login(user)
    assert str(unseen.pk) not in text_of(operator, tab(furnished, "access"))
    submit(operator, tab(furnished, "access"), "workspace_form", {"shared_ids": []})
    assert stored(furnished)["shared_ids"] == str(unseen.pk)
