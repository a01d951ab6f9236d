"""What operators do on an ordinary day, each task in a real browser and within so many clicks."""

from __future__ import annotations

import http.client
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from tests.factories import (
    PLAN,
    PLAN_APPROVE_APPLY,
    OrganizationFactory,
    ProjectFactory,
    TemplateFactory,
    WorkspaceFactory,
)
from tests.notifications.receiver import Receiver
from tests.panel.tasks import browser_context_args, operator, report_drift, state, task, user
from tests.spine.site import Site
from tests.spine.sources import Repository
from tests.spine.waiting import await_that
from tests.support.patience import patient
from tests.support.visits import Visitor
from tests.vcs.site import db, site
from workspaces.choices import Category, DriftStatus, JobStatus
from workspaces.models import (
    Access,
    Drift,
    Job,
    NotificationConfiguration,
    NotificationTrigger,
    PolicyRule,
    RunLimits,
    Schedule,
    StateVersion,
    Team,
    Variable,
)
from workspaces.services.jobs import create_job
from workspaces.services.locks import lock_workspace
from workspaces.services.state import add_state_version
from workspaces.services.workspaces import set_variable

__all__ = ["browser_context_args", "db", "operator", "site", "user"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.once,
    pytest.mark.timeout(patient(300)),
    pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform"),
]
STEP_MILLISECONDS = patient(90_000)
COMMIT = "c0ffee1234567890c0ffee1234567890c0ffee12"
NEEDS_REGION = 'variable "region" { type = string }\n'
OUTPUT = """
resource "terraform_data" "greeting" { input = "Hello, everybody!" }
output "greeting" { value = terraform_data.greeting.output }
"""


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


def test_why_a_job_waits_is_on_the_first_page(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(name="held", on_cluster=False)
    lock_workspace(workspace, by=None, reason="an audit")
    job = create_job(workspace, by=None, tcl=PLAN)
    await_that(lambda: "an audit" in str(Job.objects.get(pk=job.pk).why), "the job says why it waits", 30)
    with task(operator, clicks=0):
        row = operator.page.get_by_role("row").filter(has_text=f"#{job.pk}")
        expect(row).to_contain_text("The workspace is locked: an audit")


def test_a_failed_job_runs_again(operator: Visitor, site: Site) -> None:
    workspace = site.workspace({"main.tf": NEEDS_REGION}, name="failing", on_cluster=False)
    job = site.await_status(create_job(workspace, by=None, tcl=PLAN), JobStatus.FAILED)
    set_variable(workspace, by=None, key="region", value="eu", category=Category.TERRAFORM)
    with task(operator, clicks=2) as doing:
        page = operator.page
        doing.click(f"#{job.pk}")
        doing.click("Run again")
        expect(page.locator("#run-state")).to_contain_text("Completed", timeout=STEP_MILLISECONDS)


def test_a_job_is_found_by_its_commit(operator: Visitor, site: Site) -> None:
    job = create_job(site.workspace(on_cluster=False), by=None, tcl=PLAN, commit_id=COMMIT)
    with task(operator, clicks=0) as doing:
        doing.find(COMMIT[:10], f"#{job.pk}")
        expect(operator.page).to_have_url(re.compile(rf"/job/{job.pk}/change/"))


def test_a_job_is_approved_on_a_phone_and_its_output_read(operator: Visitor, site: Site) -> None:
    workspace = site.workspace({"main.tf": OUTPUT}, name="greeting", on_cluster=False)
    job = site.await_status(create_job(workspace, by=None, tcl=PLAN_APPROVE_APPLY), JobStatus.WAITING_APPROVAL)
    page = operator.page
    page.set_viewport_size({"width": 390, "height": 844})
    with task(operator, clicks=2) as doing:
        doing.click(f"#{job.pk}")
        doing.click("Approve")
        expect(page.locator("#run-state")).to_contain_text("Completed", timeout=STEP_MILLISECONDS)
        expect(page.locator("#run-results")).to_contain_text("Hello, everybody!", timeout=STEP_MILLISECONDS)


def test_two_plans_of_a_workspace_are_compared(operator: Visitor, site: Site) -> None:
    workspace = site.workspace({"main.tf": OUTPUT}, name="compared", on_cluster=False)
    for _ in range(2):
        site.await_status(create_job(workspace, by=None, tcl=PLAN), JobStatus.COMPLETED)
    newest = workspace.jobs.order_by("-pk")[0]
    with task(operator, clicks=1) as doing:
        doing.find(str(newest.pk), f"#{newest.pk}")
        doing.click("Compare with the last plan")
        expect(operator.page).to_have_title(re.compile("Compare"))


# ---- workspaces -----------------------------------------------------------------------------------------------------


def test_a_workspace_is_made_from_git_and_shows_its_first_plan(operator: Visitor, site: Site, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "network", f"file://{tmp_path}/network")
    repository.commit({"main.tf": OUTPUT})
    with task(operator, clicks=6) as doing:
        page = operator.page
        doing.click("Workspaces")
        doing.click("Add workspace")
        doing.choose_record(page.locator("#id_organization"), site.organization.name)
        page.locator("#id_name").fill("from-git")
        page.locator("#id_source").fill(repository.url)
        page.locator("#id_terraform_version").fill("1.11.4")
        doing.click("Save")
        doing.click("Start a plan")
        expect(page.locator("#run-results")).to_contain_text("1 to add", timeout=STEP_MILLISECONDS)


def test_forty_workspaces_are_set_at_once(operator: Visitor, site: Site) -> None:
    workspaces = [
        WorkspaceFactory.create(organization=site.organization, name=f"many-{number:02}") for number in range(40)
    ]
    with task(operator, clicks=9) as doing:
        page = operator.page
        doing.click("Workspaces")
        page.get_by_placeholder("Search by name").fill("many-")
        page.keyboard.press("Enter")
        doing.click_on(page.locator("#action-toggle"))
        doing.choose(page.get_by_label("Select action to run"), "Change a setting of the ephemeral executor…")
        doing.click("Run")
        doing.choose(page.get_by_label("Setting"), "Memory limit (EPHEMERAL_MEMORY_LIMIT)")
        doing.click("Show the fields of this setting")
        page.get_by_label("Amount").fill("2")
        doing.choose(page.get_by_label("Unit"), "GiB")
        doing.click("Preview the changes")
        expect(page.get_by_text("40 changes")).to_be_visible()
        doing.click("Apply the changes")
        expect(page.get_by_text("40 workspaces: EPHEMERAL_MEMORY_LIMIT set.")).to_be_visible()
    found = Variable.objects.filter(workspace__in=workspaces, key="EPHEMERAL_MEMORY_LIMIT")
    assert [row.value for row in found] == ["2Gi"] * 40


def test_a_workspace_is_locked_for_an_audit(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(name="audited", on_cluster=False)
    with task(operator, clicks=2) as doing:
        page = operator.page
        doing.find("audited")
        doing.click_on(page.get_by_text("Lock…", exact=True))
        page.get_by_label("Reason, shown on waiting jobs").fill("audit")
        doing.click("Lock")
        expect(page.get_by_text("audited is locked: its jobs wait.")).to_be_visible()
    workspace.refresh_from_db()
    assert (workspace.locked, workspace.lock_description) == (True, "audit")


def test_a_workspace_is_renamed(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(name="old-name", on_cluster=False)
    with task(operator, clicks=2) as doing:
        doing.find("old-name")
        doing.open_tab("Settings")
        operator.page.locator("#id_name").fill("new-name")
        doing.click("Save")
        expect(operator.page.get_by_text("was changed successfully")).to_be_visible()
    workspace.refresh_from_db()
    assert workspace.name == "new-name"


def test_a_workspace_is_moved_to_another_project(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(name="moving", on_cluster=False)
    project = ProjectFactory.create(organization=site.organization, name="networks")
    with task(operator, clicks=3) as doing:
        doing.find("moving")
        doing.open_tab("Settings")
        doing.choose(operator.page.locator("#id_project"), "networks")
        doing.click("Save")
        expect(operator.page.get_by_text("was changed successfully")).to_be_visible()
    workspace.refresh_from_db()
    assert workspace.project == project


def test_a_workspace_is_deleted_and_restored_with_its_state(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(name="mistaken", on_cluster=False)
    add_state_version(workspace, state(1), None)
    page = operator.page
    with task(operator, clicks=3) as doing:
        doing.find("mistaken")
        doing.open_tab("Settings")
        doing.click("Delete the workspace")
        doing.click("Delete workspace")
        expect(page.get_by_text("was deleted successfully")).to_be_visible()
    with task(operator, clicks=4) as doing:
        doing.click("Workspaces")
        doing.click("Deleted workspaces")
        doing.click_on(page.get_by_role("link", name="mistaken"))
        doing.click("Restore")
        expect(page.get_by_text("mistaken is restored.")).to_be_visible()
    workspace.refresh_from_db()
    assert (workspace.name, workspace.deleted, workspace.state_versions.count()) == ("mistaken", False, 1)


def test_a_secret_is_rotated(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(name="secretive", on_cluster=False)
    set_variable(workspace, by=None, key="password", value="old", category=Category.TERRAFORM, sensitive=True)
    with task(operator, clicks=2) as doing:
        doing.find("secretive")
        doing.open_tab("Variables")
        operator.page.locator("#id_variables-0-value").fill("new")
        doing.click("Save")
        expect(operator.page.get_by_text("was changed successfully")).to_be_visible()
    assert workspace.variables.get().value == "new"


def test_pods_are_set_for_applies_only(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(name="in-pods")
    with task(operator, clicks=4) as doing:
        page = operator.page
        doing.find("in-pods")
        doing.open_tab("Pods")
        # The tab's page must be there before it is looked at.
        page.locator("[name=ephemeral-added-text]").wait_for(state="attached")
        if not page.locator("[name=ephemeral-added-text]").is_visible():
            doing.click_on(page.get_by_text("Pod settings", exact=True))
        doing.choose(page.locator("[name=ephemeral-added-name]"), "Memory limit · Apply (EPHEMERAL_MEMORY_LIMIT_APPLY)")
        page.locator("[name=ephemeral-added-text]").fill("4Gi")
        doing.click("Save")
        expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert workspace.variables.get(key="EPHEMERAL_MEMORY_LIMIT_APPLY").value == "4Gi"


def test_a_wrong_setting_is_mended(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(name="greedy", environment={"EPHEMERAL_CPU_LIMIT": "8"})
    rule = PolicyRule.objects.create(organization=site.organization, setting="EPHEMERAL_CPU_LIMIT", maximum="2")
    job = site.await_status(create_job(workspace, by=None, tcl=PLAN), JobStatus.FAILED)
    with task(operator, clicks=3) as doing:
        page = operator.page
        doing.click(f"#{job.pk}")
        expect(page.locator("#run-state")).to_contain_text("EPHEMERAL_CPU_LIMIT")
        doing.click("Change the settings of its pods")
        refused = page.get_by_text("A policy rule refuses this workspace")
        expect(refused).to_be_visible()
        page.locator("#setting-EPHEMERAL_CPU_LIMIT").get_by_label("Amount").fill("1")
        doing.click("Save")
        expect(page.get_by_text("was changed successfully")).to_be_visible()
        expect(refused).to_have_count(0)
    assert workspace.variables.get(key="EPHEMERAL_CPU_LIMIT").value == "1"
    rule.delete()


def test_who_changed_a_variable_is_in_the_history_of_its_workspace(operator: Visitor, site: Site, user: User) -> None:
    workspace = site.workspace(name="changed", on_cluster=False)
    set_variable(workspace, by=None, key="region", value="eu", category=Category.TERRAFORM)
    page = operator.page
    operator.open(reverse("admin:workspaces_workspace_variables", args=[workspace.pk]))
    page.locator("#id_variables-0-value").fill("us")
    page.get_by_role("button", name="Save", exact=True).click()
    with task(operator, clicks=1) as doing:
        doing.find("changed")
        doing.click("History")
        row = page.get_by_role("row").filter(has_text="region").filter(has_text="Before")
        for text in ("eu", "us", user.email):
            expect(row).to_contain_text(text)


def test_the_changes_of_a_month_are_exported(operator: Visitor, site: Site) -> None:
    site.workspace(name="exported", on_cluster=False)
    with task(operator, clicks=3) as doing:
        page = operator.page
        doing.find("exported")
        doing.click("History")
        page.get_by_label("From (UTC)").fill(f"{timezone.now() - timedelta(days=30):%Y-%m-%d}")
        doing.click("Filter")
        with page.expect_download() as download:
            doing.click("Export as CSV")
        assert "exported" in Path(download.value.path()).read_text()


# ---- states ---------------------------------------------------------------------------------------------------------


def test_a_state_is_uploaded_and_rolled_back(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(name="stateful", on_cluster=False)
    add_state_version(workspace, state(1), None)
    page = operator.page
    with task(operator, clicks=4) as doing:
        doing.find("stateful")
        doing.open_tab("States")
        doing.click_on(page.get_by_text("Upload a state…", exact=True))
        doing.upload(page.locator("#upload-state"), "terraform.tfstate", state(2))
        page.locator("#upload-reason").fill("repaired by hand")
        doing.click("Upload")
        expect(page.get_by_role("table", name="States").locator("tbody tr")).to_have_count(2)
    with task(operator, clicks=4) as doing:
        doing.find("stateful")
        doing.open_tab("States")
        doing.click_on(page.get_by_role("table", name="States").get_by_role("link", name="1", exact=True))
        page.get_by_label("Reason").fill("it was right")
        page.once("dialog", lambda question: question.accept())
        doing.click("Roll back to this state")
        expect(page.get_by_text("stateful is rolled back to version 1.")).to_be_visible()
    serials = StateVersion.objects.filter(workspace=workspace).order_by("number").values_list("serial", flat=True)
    assert list(serials) == [1, 2, 3]


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


def test_a_group_gets_access_to_one_workspace(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(name="shared", on_cluster=False)
    with task(operator, clicks=4) as doing:
        page = operator.page
        doing.find("shared")
        doing.open_tab("Access")
        doing.click("Add another access")
        page.locator("#id_accesses-0-name").fill("GUESTS")
        doing.choose(page.locator("#id_accesses-0-role"), "Plan")
        doing.click("Save")
        expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert [(one.name, one.role) for one in workspace.accesses.all()] == [("GUESTS", "plan")]


def test_who_may_approve_is_seen(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(name="approved", on_cluster=False)
    Access.objects.create(workspace=workspace, name="APPROVERS", approve_job=True)
    with task(operator, clicks=4) as doing:
        doing.find("approved")
        doing.open_tab("Access")
        doing.click("Who, and why")
        doing.choose(operator.page.get_by_label("Right", exact=True), "Approve and apply")
        doing.click("Show")
        expect(operator.page.get_by_role("row").filter(has_text="APPROVERS")).to_be_visible()


def test_what_a_policy_refuses_is_found(operator: Visitor, site: Site) -> None:
    workspace = site.workspace(name="refused", environment={"EPHEMERAL_CPU_LIMIT": "8"})
    PolicyRule.objects.create(organization=site.organization, setting="EPHEMERAL_CPU_LIMIT", maximum="2")
    with task(operator, clicks=2) as doing:
        doing.click("Policy")
        doing.click("Current violations")
        expect(operator.page.get_by_role("row").filter(has_text=workspace.name)).to_be_visible()


# ---- notifications --------------------------------------------------------------------------------------------------


def test_failures_are_told_to_a_webhook(operator: Visitor, site: Site) -> None:
    receiver = Receiver()
    with task(operator, clicks=6) as doing:
        page = operator.page
        doing.click("Notifications")
        doing.click("Add notification")
        doing.choose_record(page.locator("#id_organization"), site.organization.name)
        page.locator("#id_name").fill("Failures")
        doing.choose(page.locator("#id_channel_type"), "Webhook")
        page.locator("#id_destination_url").fill(receiver.url)
        expect(page.get_by_label("Failed", exact=True)).to_be_checked()
        doing.click("Save")
        expect(page.get_by_text("was added successfully")).to_be_visible()
    job = create_job(site.workspace({"main.tf": NEEDS_REGION}, on_cluster=False), by=None, tcl=PLAN)
    site.await_status(job, JobStatus.FAILED)
    await_that(lambda: any(str(job.pk) in str(one.content) for one in receiver.received), "the failure is told", 30)
    receiver.stop()


# ---- drift ----------------------------------------------------------------------------------------------------------


def test_drift_is_found_told_and_brought_back(operator: Visitor, site: Site) -> None:
    receiver = Receiver()
    told = NotificationConfiguration.objects.create(
        organization=site.organization, name="Drift", channel_type="WEBHOOK", destination_url=receiver.url
    )
    NotificationTrigger.objects.create(configuration=told, job_status="drifted")
    workspace = site.workspace({"main.tf": OUTPUT}, name="drifting", on_cluster=False)
    RunLimits.objects.create(workspace=workspace, drift_checks=True)

    def is_known(status: DriftStatus) -> bool:
        return Drift.objects.filter(workspace=workspace, judged=True, status=status).exists()

    await_that(lambda: is_known(DriftStatus.CLEAN), "a check has run", 60)
    report_drift(Drift.objects.get(workspace=workspace))
    await_that(lambda: receiver.received, "the drift is told", 60)
    assert receiver.received[0].content["message"] == "drifting has drifted"
    page = operator.page
    with task(operator, clicks=3) as doing:
        doing.click("Drift")
        expect(page.get_by_role("row").filter(has_text="drifting")).to_contain_text("Drifted")
        doing.click("Start a job that reverts the drift of drifting")
        expect(page.locator("#run-state")).to_contain_text("Waiting for approval", timeout=STEP_MILLISECONDS)
        doing.click("Approve")
        expect(page.locator("#run-state")).to_contain_text("Completed", timeout=STEP_MILLISECONDS)
    await_that(lambda: is_known(DriftStatus.CLEAN), "the next check finds no drift", 60)
    assert len(receiver.received) == 1, "drift is told once"
    receiver.stop()


# ---- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_is_made_and_used_by_a_program(operator: Visitor, site: Site) -> None:
    with task(operator, clicks=3) as doing:
        page = operator.page
        doing.click("Access tokens")
        doing.click("Add access token")
        page.get_by_label("Description").fill("laptop")
        doing.click("Create the token")
        token = page.locator("#token-text").inner_text()
    connection = http.client.HTTPConnection(site.host, site.port, timeout=patient(10))
    connection.request("GET", "/api/v1/organization", headers={"Authorization": f"Bearer {token}"})
    assert site.organization.name in connection.getresponse().read().decode()
    connection.close()
