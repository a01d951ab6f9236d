"""What operators do on an ordinary day, each task in a real browser and within so many clicks."""

from __future__ import annotations

import http.client
import shutil
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect

from tests.factories import OrganizationFactory, TemplateFactory, UserFactory, WorkspaceFactory
from tests.panel.tasks import task
from tests.spine.site import Site
from tests.support.patience import patient
from tests.support.visits import Visitor, Watch
from tests.vcs.site import db, site
from workspaces.choices import JobStatus
from workspaces.models import Job, PolicyRule, Schedule, Team, Variable
from workspaces.services.jobs import create_job
from workspaces.services.locks import lock_workspace

__all__ = ["db", "site"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.once,
    pytest.mark.timeout(patient(300)),
    pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform"),
]
PASSWORD = "correct horse"
PLAN = "flow:\n  - {type: terraformPlan, name: Plan, step: 100}\n"


@pytest.fixture(scope="module")
def user(site: Site) -> User:
    found: User = UserFactory.create(username="olga", is_staff=True, is_superuser=True)
    found.set_password(PASSWORD)
    found.save()
    return found


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 1440, "height": 900}}


@pytest.fixture
def operator(page: Page, watch: Watch, site: Site, user: User) -> Visitor:
    found = Visitor(page, watch, site.address)
    found.sign_in(user.username, PASSWORD)
    return found


# ---- jobs -----------------------------------------------------------------------------------------------------------


def test_all_jobs_of_an_organization_are_stopped(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(on_cluster=False)
    lock_workspace(workspace, by=None, reason="quiet")
    jobs = [create_job(workspace, by=None, tcl=PLAN) for _ in range(3)]
    OrganizationFactory.create()
    with task(operator, clicks=7) as doing:
        page = operator.page
        doing.click("Jobs")
        doing.click("Filters")
        doing.click(site.organization.name)
        doing.click_on(page.locator("#action-toggle"))
        doing.choose(page.get_by_label("Select action to run"), "Cancel…")
        doing.click("Run")
        doing.click("Cancel 3 jobs")
        expect(page.get_by_text("3 jobs were cancelled.")).to_be_visible()
    assert {Job.objects.get(pk=job.pk).status for job in jobs} == {JobStatus.CANCELLED}


def test_a_plan_runs_every_night_in_berlins_time(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(on_cluster=False)
    TemplateFactory.create(organization=site.organization, name="Nightly", tcl=PLAN)
    with task(operator, clicks=8) as doing:
        page = operator.page
        doing.click("Schedules")
        doing.click("Add schedule")
        doing.choose_record(page.locator("#id_workspace"), workspace.name)
        doing.click("Next")
        page.locator("#id_name").fill("Every night")
        doing.choose(page.locator("#id_template"), "Nightly")
        doing.click("Every night at 02:00")
        page.locator("#id_time_zone").fill("Europe/Berlin")
        expect(page.locator("#schedule-meaning")).to_contain_text("At 02:00, every day (Europe/Berlin)")
        doing.click("Save")
        expect(page.get_by_text("The next job starts on")).to_be_visible()
    schedule = Schedule.objects.get(name="Every night")
    assert (schedule.workspace, schedule.cron, schedule.time_zone) == (workspace, "0 2 * * *", "Europe/Berlin")


# ---- workspaces -----------------------------------------------------------------------------------------------------


def test_forty_workspaces_are_set_at_once(operator: Visitor, site: Site) -> None:
    workspaces = [
        WorkspaceFactory.create(organization=site.organization, name=f"many-{number:02}") for number in range(40)
    ]
    with task(operator, clicks=8) as doing:
        page = operator.page
        doing.click("Workspaces")
        page.get_by_placeholder("Search by name").fill("many-")
        page.keyboard.press("Enter")
        doing.click_on(page.locator("#action-toggle"))
        doing.choose(page.get_by_label("Select action to run"), "Set a setting of the ephemeral executor…")
        doing.click("Run")
        doing.choose(page.get_by_label("Setting"), "Memory limit (EPHEMERAL_MEMORY_LIMIT)")
        page.get_by_label("Value").fill("2Gi")
        doing.click("Preview the changes")
        expect(page.get_by_text("40 changes")).to_be_visible()
        doing.click("Apply the changes")
        expect(page.get_by_text("40 workspaces: EPHEMERAL_MEMORY_LIMIT set.")).to_be_visible()
    found = Variable.objects.filter(workspace__in=workspaces, key="EPHEMERAL_MEMORY_LIMIT")
    assert [row.value for row in found] == ["2Gi"] * 40


# ---- rights and policy ----------------------------------------------------------------------------------------------


def test_the_network_team_may_plan_and_nothing_else(operator: Visitor, site: Site) -> None:
    Group.objects.create(name="NET")
    with task(operator, clicks=6) as doing:
        page = operator.page
        doing.click("Teams")
        doing.click("Add team")
        doing.choose_record(page.locator("#id_organization"), site.organization.name)
        page.locator("#id_name").fill("NET")
        doing.choose(page.locator("#id_role"), "Plan")
        doing.click("Save")
        expect(page.get_by_text("was added successfully")).to_be_visible()
    team = Team.objects.get(name="NET")
    assert (team.organization, team.role) == (site.organization, "plan")


def test_a_service_account_is_forbidden_for_an_organization(operator: Visitor, site: Site) -> None:
    with task(operator, clicks=7) as doing:
        page = operator.page
        doing.click("Policy")
        doing.click("Add policy rule")
        doing.choose_record(page.locator("#id_organization"), site.organization.name)
        doing.choose(page.locator("#id_setting"), "Service account (EPHEMERAL_CONFIG_SERVICE_ACCOUNT)")
        page.get_by_label("Refused values").fill("cluster-admin")
        page.get_by_label("Reason").fill("It may do everything.")
        doing.click("Save")
        expect(page.get_by_text("was added successfully")).to_be_visible()
    rule = PolicyRule.objects.get(organization=site.organization, setting="EPHEMERAL_CONFIG_SERVICE_ACCOUNT")
    assert rule.refused == "cluster-admin"


# ---- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_is_made_and_used_by_a_program(operator: Visitor, site: Site) -> None:
    with task(operator, clicks=3) as doing:
        page = operator.page
        doing.click("Tokens")
        doing.click("Add access token")
        page.get_by_label("Description").fill("laptop")
        doing.click("Create the token")
        token = page.locator("#token-text").inner_text()
    connection = http.client.HTTPConnection(site.host, site.port, timeout=patient(10))
    connection.request("GET", "/api/v1/organization", headers={"Authorization": f"Bearer {token}"})
    assert site.organization.name in connection.getresponse().read().decode()
    connection.close()
