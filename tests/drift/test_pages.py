"""The page of drift, the part of a workspace's page, REST, and the job that brings drift back."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.api.client import Api, token_of
from tests.drift.conftest import CLEAN, NOW, end_check, make_checks, organization, workspace
from tests.factories import (
    DESTROY,
    PLAN,
    PLAN_AND_APPLY,
    PLAN_APPROVE_APPLY,
    OrganizationFactory,
    TeamFactory,
    TemplateFactory,
    member,
)
from tests.support.markup import without_breaks
from workspaces.choices import DriftStatus, JobStatus, Via
from workspaces.errors import InvalidInput, NotAllowed, WrongState
from workspaces.jobs import transitions
from workspaces.jobs.scope import addresses_of
from workspaces.jobs.transitions import Outcome
from workspaces.models import Drift, Job, RunLimits, Template, Workspace
from workspaces.reasons import reason
from workspaces.services.drift_repair import bring_back

pytestmark = pytest.mark.django_db
ADDRESS = 'time_rotating.key["a"]'


@pytest.fixture
def drifted() -> Workspace:
    """A workspace in which a check has found drift."""
    made = workspace(organization())
    TemplateFactory.create(organization=made.organization, name="1 Plan", tcl=PLAN)
    TemplateFactory.create(organization=made.organization, name="2 Destroy", tcl=DESTROY)
    TemplateFactory.create(organization=made.organization, name="3 At once", tcl=PLAN_AND_APPLY)
    TemplateFactory.create(organization=made.organization, name="4 Asked", tcl=PLAN_APPROVE_APPLY)
    (check,) = make_checks()
    end_check(check)
    return made


def person(of: Workspace, **rights: bool) -> User:
    user = member(TeamFactory.create(organization=of.organization, **rights))
    user.is_staff = True
    user.save()
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(client: Client, name: str, *arguments: Any, **query: str) -> str:
    answer = client.get(reverse(f"admin:workspaces_workspace_{name}", args=arguments), query)
    assert answer.status_code == 200
    return without_breaks(answer.content.decode())


# ---- pages ----------------------------------------------------------------------------------------------------------


def test_the_page_lists_what_one_may_see_and_filters_it(drifted: Workspace) -> None:
    owner = drifted.organization
    clean, failed, never = (workspace(owner) for _ in range(3))
    hidden = workspace(OrganizationFactory.create())
    Drift.objects.create(workspace=clean, status=DriftStatus.CLEAN, clean_at=NOW, checked_at=NOW)
    Drift.objects.create(workspace=failed, status=DriftStatus.FAILED, checked_at=NOW)
    client = signed_in(person(drifted))
    every = {row.name for row in (drifted, clean, failed, never)}
    shown = {
        "": every,
        "drifted": {drifted.name},
        "clean": {clean.name},
        "never": {never.name},
        "failed": {failed.name},
        "nonsense": every,
    }
    for status, names in shown.items():
        text = text_of(client, "drift", status=status)
        assert {name for name in {*every, hidden.name} if f">{name}</a>" in text} == names, status
    text = text_of(client, "drift")
    assert "Drifted (1)" in text
    assert "All (4)" in text


def test_the_queries_of_the_page_do_not_grow_with_its_rows(
    drifted: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(60):
        made = workspace(drifted.organization)
        Drift.objects.create(workspace=made, status=DriftStatus.DRIFTED, drifted_since=NOW, checked_at=NOW)
    client = signed_in(person(drifted, plan_job=True))
    with django_assert_max_num_queries(22):
        text = text_of(client, "drift")
    assert text.count("Revert the drift") == 50
    assert "page=2" in text


def test_the_workspaces_page_says_what_drifted_and_since_when_without_values(drifted: Workspace) -> None:
    text = text_of(signed_in(person(drifted, plan_job=True)), "overview", drifted.pk)
    found = Drift.objects.get(workspace=drifted)
    assert "time_rotating.key[&quot;a&quot;]" in text
    assert "1 change of the configuration is not applied yet. It does not count as drift." in text
    assert "drifted since" in text
    assert f"job {found.result_job_id}" in text
    assert "Start a job that reverts the drift" in text
    assert "very-secret" not in text


def test_who_may_not_plan_gets_no_button_and_is_refused(drifted: Workspace) -> None:
    user = person(drifted)
    for name, arguments in (("drift", ()), ("overview", (drifted.pk,))):
        assert "bring-back" not in text_of(signed_in(user), name, *arguments)
    signed_in(user).post(reverse("admin:workspaces_workspace_bring_back", args=[drifted.pk]))
    assert not Job.objects.exclude(via=Via.DRIFT).exists()
    with pytest.raises(NotAllowed, match="plan_job"):
        bring_back(drifted, by=user)


def test_a_failed_check_says_why_and_keeps_what_had_drifted(drifted: Workspace) -> None:
    Drift.objects.update(due_at=NOW)
    (check,) = make_checks()
    end_check(check, None, outcome=Outcome(succeeded=False, why=reason("", "reports-failure")))
    client = signed_in(person(drifted, plan_job=True))
    for name, arguments in (("drift", ()), ("overview", (drifted.pk,))):
        text = text_of(client, name, *arguments)
        assert "Check failed" in text
        assert "The executor reports a failure; see the log" in text
    assert ">time_rotating.key" in text_of(client, "overview", drifted.pk)


def test_pages_say_where_checks_are_switched_on() -> None:
    unchecked = workspace(OrganizationFactory.create())
    client = signed_in(person(unchecked))
    assert "Drift checks are off. Enable them" in text_of(client, "overview", unchecked.pk)
    listed = text_of(client, "drift")
    assert "Never checked" in listed
    assert "Drift checks are off. Enable them" in listed
    assert reverse("admin:workspaces_workspace_settings", args=[unchecked.pk]) in listed
    RunLimits.objects.create(workspace=unchecked, drift_checks=True)
    assert "Drift checks are off" not in text_of(client, "drift")


# ---- bringing back --------------------------------------------------------------------------------------------------


def test_the_button_starts_an_ordinary_job_for_what_drifted_that_waits_for_approval(drifted: Workspace) -> None:
    client = signed_in(person(drifted, plan_job=True, approve_job=True))
    answer = client.post(reverse("admin:workspaces_workspace_bring_back", args=[drifted.pk]))
    job = Job.objects.exclude(via=Via.DRIFT).get()
    assert answer["location"] == reverse("admin:workspaces_job_change", args=[job.pk])
    assert (job.template, job.via, job.plan_only) == (Template.objects.get(name="4 Asked"), Via.UI, False)
    assert addresses_of(job).targets == (ADDRESS,)
    transitions.advance(job.pk)
    step = job.steps.in_executor().get()
    transitions.start_step(step.pk)
    transitions.finish_step(step.pk, Outcome(succeeded=True, changes=True))
    transitions.advance(job.pk)
    job.refresh_from_db()
    assert job.status == JobStatus.WAITING_APPROVAL


def test_the_default_template_is_followed_if_it_applies(drifted: Workspace) -> None:
    drifted.default_template = Template.objects.get(name="3 At once")
    drifted.save()
    approver, planner = person(drifted, plan_job=True, approve_job=True), person(drifted, plan_job=True)
    assert bring_back(drifted, by=approver).template == drifted.default_template
    assert bring_back(drifted, by=planner).template == Template.objects.get(name="4 Asked")
    drifted.default_template = Template.objects.get(name="2 Destroy")
    drifted.save()
    assert bring_back(drifted, by=approver).template == Template.objects.get(name="4 Asked")


def test_more_than_a_job_takes_needs_a_plan_of_everything_that_is_approved(drifted: Workspace) -> None:
    Drift.objects.update(resource_count=201)
    drifted.default_template = Template.objects.get(name="3 At once")
    drifted.save()
    job = bring_back(drifted, by=None)
    assert (job.template, addresses_of(job).targets) == (Template.objects.get(name="4 Asked"), ())


def test_without_drift_or_template_nothing_is_started(drifted: Workspace) -> None:
    Template.objects.filter(tcl__in=(PLAN_AND_APPLY, PLAN_APPROVE_APPLY)).delete()
    with pytest.raises(InvalidInput, match="not start any template"):
        bring_back(drifted, by=None)
    Drift.objects.update(due_at=timezone.now())
    (check,) = make_checks(timezone.now())
    end_check(check, CLEAN)
    with pytest.raises(WrongState, match="no known drift"):
        bring_back(drifted, by=None)
    assert not Job.objects.exclude(via=Via.DRIFT).exists()


# ---- REST -----------------------------------------------------------------------------------------------------------


def test_clients_read_drift_and_start_the_job_that_brings_it_back(drifted: Workspace) -> None:
    TeamFactory.create(organization=drifted.organization, name="PLANNERS", plan_job=True)
    TeamFactory.create(organization=drifted.organization, name="READERS")
    planner, reader = Api(token_of("PLANNERS")), Api(token_of("READERS"))
    (found,) = reader.read("drift")["data"]
    record = Drift.objects.get(workspace=drifted)
    said = found["attributes"]
    assert (said["status"], said["deletedResources"], said["changedResources"]) == ("drifted", [ADDRESS], [])
    assert (said["resourceCount"], said["pendingChanges"]) == (1, 1)
    assert (said["resultJobReference"], said["cleanJobReference"]) == (str(record.result_job_id), None)
    assert found["relationships"]["workspace"]["data"]["id"] == str(drifted.pk)
    address = f"drift/{found['id']}"
    assert reader.patch(address, "drift", {"bringBack": True}).status_code == 403
    assert planner.patch(address, "drift", {}).status_code == 403
    assert planner.patch(address, "drift", {"bringBack": True}).status_code == 204
    assert Job.objects.exclude(via=Via.DRIFT).get().template == Template.objects.get(name="4 Asked")
    assert Api(token_of("OTHERS")).read("drift")["data"] == []
