"""A plan is not an apply: what who may only plan can start, by any flow, source, schedule, repetition or approval."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.factories import (
    DESTROY,
    PLAN,
    PLAN_AND_APPLY,
    PLAN_APPROVE_APPLY,
    OrganizationFactory,
    TeamFactory,
    TemplateFactory,
    WorkspaceFactory,
    member,
)
from workspaces.actors import TokenUser
from workspaces.choices import JobStatus, StepType
from workspaces.errors import NotAllowed
from workspaces.jobs import transitions
from workspaces.models import Job, Schedule, Template, Workspace
from workspaces.services import jobs
from workspaces.services.jobs import approve_job, cancel_job, create_job, force_cancel, reject_job, run_again
from workspaces.services.organizations import add_default_templates
from workspaces.services.schedules import create_schedule, start_due, update_schedule
from workspaces.services.sources import create_configuration_version, pin_source, store_source

pytestmark = pytest.mark.django_db


def flow(*steps: str) -> str:
    return "flow:\n" + "".join(f"  - {{{step}, step: {number}}}\n" for number, step in enumerate(steps, start=1))


SCRIPT = "commands: [{runtime: BASH, before: true, script: ./hello.sh}]"
P, A, D = "type: terraformPlan", "type: terraformApply", "type: terraformDestroy"
OK, TEAM_OK = "type: approval", "type: approval, team: PLANNERS"
WITH_SCRIPT = f"{P}, {SCRIPT}"
IMPORTED = f"{P}, importCommands: {{repository: https://git.example/lib.git}}"

# A flow; whether who may only plan may start it as a template; whether as a flow of their own.
FLOWS: dict[str, tuple[str, bool, bool]] = {
    "plan": (flow(P), True, True),
    "plan destroy": (flow("type: terraformPlanDestroy"), True, True),
    "plan, approve, apply": (flow(P, OK, A), True, True),
    "plan, team approves, apply": (flow(P, TEAM_OK, A), True, False),
    "plan with a script": (flow(WITH_SCRIPT), True, False),
    "plan with a script on failure": (flow(f"{P}, onFailure: [{{runtime: BASH, script: ls}}]"), True, False),
    "plan with imported commands": (flow(IMPORTED), True, False),
    "plan with chosen variables": (flow(f"{P}, inputsEnv: {{A: $B}}"), True, False),
    "plan with chosen Terraform variables, approve, apply": (
        flow(f"{P}, inputsTerraform: {{a: $B}}", OK, A),
        True,
        False,
    ),
    "approval with a script on reject": (flow(P, f"{OK}, onReject: [{{runtime: BASH, script: ls}}]"), True, False),
    "apply": (flow(A), False, False),
    "plan and apply": (flow(P, A), False, False),
    "destroy": (flow(D), False, False),
    "approve, destroy": (flow(OK, D), True, True),
    "scripts": (flow(f"type: customScripts, {SCRIPT}"), False, False),
    "plan, approve, scripts": (flow(P, OK, f"type: customScripts, {SCRIPT}"), True, False),
    "scripts, approve, apply": (flow(f"type: customScripts, {SCRIPT}", OK, A), False, False),
    "apply, then approve": (flow(P, A, OK), False, False),
    "one approval for two applies": (flow(P, OK, A, P, A), False, False),
    "an approval for each": (flow(P, OK, A, P, OK, A), True, True),
    "apply and scripts after it": (flow(P, OK, A, f"type: customScripts, {SCRIPT}"), True, False),
    "disable the workspace": (flow("type: disableWorkspace"), False, False),
    "approve, disable the workspace": (flow(OK, "type: disableWorkspace"), True, False),
    "schedule": (flow('type: scheduleTemplates, templates: [{name: Plan, schedule: "0 0 20 ? * FRI"}]'), False, False),
}


@pytest.fixture
def workspace() -> Workspace:
    organization = OrganizationFactory.create(name="acme")
    add_default_templates(organization, by=None)
    return WorkspaceFactory.create(organization=organization, name="net")


@pytest.fixture
def planner(workspace: Workspace) -> User:
    return member(TeamFactory.create(organization=workspace.organization, name="PLANNERS", role="plan"))


@pytest.fixture
def writer(workspace: Workspace) -> User:
    return member(TeamFactory.create(organization=workspace.organization, name="WRITERS", role="write"))


def named(workspace: Workspace, name: str) -> Template:
    return workspace.organization.templates.get(name=name)


def refused(what: Any, *args: Any, **kwargs: Any) -> str:
    """The sentence of a refusal, after which nothing was started."""
    before = Job.objects.count()
    with pytest.raises(NotAllowed) as caught:
        what(*args, **kwargs)
    assert Job.objects.count() == before
    return caught.value.message


@pytest.mark.parametrize("case", FLOWS)
def test_who_may_plan_starts_what_plans_and_what_is_approved_before_each_change(
    case: str, workspace: Workspace, planner: User, writer: User
) -> None:
    text, as_template, as_own = FLOWS[case]
    template = TemplateFactory.create(organization=workspace.organization, name="Tried", tcl=text)
    for allowed, given in ((as_template, {"template": template}), (as_own, {"tcl": text})):
        if allowed:
            create_job(workspace, by=planner, **given)
        else:
            sentence = refused(create_job, workspace, by=planner, **given)
            assert workspace.name in sentence or workspace.organization.name in sentence
    create_job(workspace, by=writer, template=template)
    create_job(workspace, by=None, tcl=text)


def test_the_refusal_names_what_may_be_started_instead(workspace: Workspace, planner: User) -> None:
    said = refused(create_job, workspace, by=planner, template=named(workspace, "Plan and apply"))
    assert said == (
        "You may plan but not approve jobs on net, and step Apply changes resources without an approval "
        'before it. You may start: "Plan", "Plan, approve, apply", "Plan, approve, destroy", '
        '"Terraform-Plan/Apply-Cli", "Terraform-Plan/Destroy-Cli".'
    )
    workspace.organization.templates.exclude(name="Destroy").delete()
    said = refused(create_job, workspace, by=planner, template=named(workspace, "Destroy"))
    assert said.endswith("No other template of the organization can be started.")


def test_the_default_template_of_a_workspace_is_no_way_round(workspace: Workspace, planner: User) -> None:
    workspace.default_template = named(workspace, "Destroy")
    workspace.save()
    assert "Destroy" in refused(create_job, workspace, by=planner)
    refused(create_job, workspace, by=planner, template=named(workspace, "Destroy"), targets=["null_resource.a"])
    refused(create_job, workspace, by=planner, template=named(workspace, "Destroy"), refresh_only=True)


@pytest.mark.parametrize("name", ["Plan", "Plan, approve, apply"])
def test_approvals_are_taken_as_given_by_who_may_give_them(
    name: str, workspace: Workspace, planner: User, writer: User
) -> None:
    said = refused(create_job, workspace, by=planner, template=named(workspace, name), auto_apply=True)
    assert "auto-approve is not allowed" in said
    assert create_job(workspace, by=writer, template=named(workspace, name), auto_apply=True).auto_apply


def test_the_team_of_the_command_line_decides_only_where_there_is_one(workspace: Workspace, writer: User) -> None:
    template = named(workspace, "Terraform-Plan/Apply-Cli")
    assert create_job(workspace, by=writer, template=template, auto_apply=True).auto_apply
    TeamFactory.create(organization=workspace.organization, name="TERRAFORM_CLI")
    assert "TERRAFORM_CLI" in refused(create_job, workspace, by=writer, template=template, auto_apply=True)


@pytest.mark.parametrize("given", [{"override_branch": "mine"}, {"override_source": "x"}, {"commit_id": "a" * 40}])
def test_scripts_of_a_template_run_on_no_source_of_who_may_only_plan(
    given: dict[str, str], workspace: Workspace, planner: User, writer: User
) -> None:
    scripted = TemplateFactory.create(organization=workspace.organization, tcl=flow(WITH_SCRIPT, OK, A))
    create_job(workspace, by=planner, template=named(workspace, "Plan"), **given)  # type: ignore[arg-type]
    assert "Do not set another source" in refused(create_job, workspace, by=planner, template=scripted, **given)
    create_job(workspace, by=writer, template=scripted, **given)  # type: ignore[arg-type]
    create_job(workspace, by=planner, template=scripted)


def test_what_another_one_started_is_started_again_with_the_rights_of_who_asks(
    workspace: Workspace, planner: User, writer: User
) -> None:
    for job in (
        create_job(workspace, by=writer, template=named(workspace, "Plan and apply")),
        create_job(workspace, by=writer, tcl=flow(WITH_SCRIPT)),
        create_job(workspace, by=writer, template=named(workspace, "Plan, approve, apply"), auto_apply=True),
    ):
        refused(run_again, job, by=planner)
        run_again(job, by=writer)
    template = TemplateFactory.create(organization=workspace.organization, tcl=flow(WITH_SCRIPT))
    job = create_job(workspace, by=writer, template=template)
    template.delete()
    job.refresh_from_db()
    refused(run_again, job, by=planner)


def test_a_source_for_all_jobs_is_uploaded_by_who_may_approve(
    workspace: Workspace, planner: User, writer: User
) -> None:
    workspace.branch = "remote-content"
    workspace.save()
    refused(create_configuration_version, workspace, by=planner)
    mine = store_source(create_configuration_version(workspace, by=planner, speculative=True), b"\x1f\x8b-planner")
    job = create_job(workspace, by=writer, template=named(workspace, "Plan and apply"))
    assert not pin_source(job), "what is speculative is nobody else's source"
    theirs = store_source(create_configuration_version(workspace, by=writer), b"\x1f\x8b-writer")
    store_source(create_configuration_version(workspace, by=planner, speculative=True), b"\x1f\x8b-later")
    assert pin_source(job)
    assert str(theirs.pk) in (job.override_source or "")
    assert str(mine.pk) not in (job.override_source or "")


# ---- approving ------------------------------------------------------------------------------------------------------


def waiting(workspace: Workspace, by: Any, text: str = PLAN_APPROVE_APPLY, **given: Any) -> Job:
    job = create_job(workspace, by=by, template=TemplateFactory.create(organization=workspace.organization, tcl=text))
    return to_approval(job)


def to_approval(job: Job) -> Job:
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    transitions.start_step(step_id)
    transitions.finish_step(step_id, transitions.Outcome(succeeded=True, changes=True, plan="https://site.example/p"))
    transitions.advance(job.pk)
    job.refresh_from_db()
    assert job.status == JobStatus.WAITING_APPROVAL
    return job


def test_who_may_plan_approves_nothing_but_what_a_template_gives_to_their_team(
    workspace: Workspace, planner: User, writer: User
) -> None:
    job = waiting(workspace, planner)
    refused(approve_job, job, by=planner)
    refused(reject_job, job, by=planner)
    approved = approve_job(job, by=writer, comment="seen")
    assert (approved.approved_by, approved.approved_date is not None) == (writer.username, True)
    step = approved.steps.get(type=StepType.APPROVAL)
    assert (step.decision, step.decided_by, step.comment) == ("approved", writer.username, "seen")
    assert step.decided_date == approved.approved_date
    cancel_job(approved, by=writer)
    job = waiting(workspace, planner, flow(P, TEAM_OK, A))
    refused(approve_job, job, by=writer)
    assert approve_job(job, by=planner).status == JobStatus.APPROVED


def test_a_rejection_is_no_approval_of_the_job(workspace: Workspace, writer: User) -> None:
    job = reject_job(waiting(workspace, writer), by=writer, comment="too dear")
    assert (job.status, job.approved_by, job.approved_date) == (JobStatus.REJECTED, "", None)
    step = job.steps.get(type=StepType.APPROVAL)
    assert (step.decision, step.comment, step.decided_date is not None) == ("rejected", "too dear", True)


@pytest.fixture
def strict(workspace: Workspace) -> Workspace:
    workspace.organization.no_self_approval = True
    workspace.organization.save()
    return workspace


def second(team: str) -> User:
    user = User.objects.create(username=f"second-{team.lower()}")
    user.groups.add(Group.objects.get(name=team))
    return user


def test_nobody_approves_what_they_started_where_the_organization_says_so(strict: Workspace, writer: User) -> None:
    job = waiting(strict, writer)
    assert "you started it" in refused(approve_job, job, by=writer)
    assert approve_job(job, by=second("WRITERS")).status == JobStatus.APPROVED


def test_the_rule_holds_for_administrators_and_by_whatever_door_they_come(strict: Workspace) -> None:
    boss = User.objects.create(username="boss", email="boss@example.com", is_superuser=True)
    job = waiting(strict, boss)
    refused(approve_job, job, by=boss)
    refused(
        approve_job, job, by=TokenUser(name="boss", email="boss@example.com", groups=frozenset({"TERRAKUBE_ADMIN"}))
    )
    reject_job(job, by=boss)
    job = waiting(strict, TokenUser(name="boss", email="boss@example.com", groups=frozenset({"TERRAKUBE_ADMIN"})))
    refused(approve_job, job, by=boss)


def test_a_token_of_a_team_is_everybody_in_it(strict: Workspace, writer: User) -> None:
    bearer = TokenUser(name="WRITERS (Team Token)", groups=frozenset({"WRITERS"}), team="WRITERS")
    job = waiting(strict, bearer)
    assert "token of your team" in refused(approve_job, job, by=writer)
    cancel_job(job, by=writer)
    job = waiting(strict, writer)
    assert "does not identify you" in refused(approve_job, job, by=bearer)


@pytest.mark.parametrize(
    ("text", "auto_apply"), [(PLAN_AND_APPLY, False), (DESTROY, False), (PLAN_APPROVE_APPLY, True), (flow(A), True)]
)
def test_under_the_rule_starting_is_no_approval(text: str, auto_apply: bool, strict: Workspace, writer: User) -> None:
    boss = User.objects.create(username="boss", is_superuser=True)
    template = TemplateFactory.create(organization=strict.organization, tcl=text)
    for who in (writer, boss):
        said = refused(create_job, strict, by=who, template=template, auto_apply=auto_apply)
        assert "acme forbids self-approval" in said
    create_job(strict, by=boss, tcl=PLAN, auto_apply=True)


def test_a_rule_that_is_newer_than_the_job_holds_all_the_same(workspace: Workspace, writer: User) -> None:
    job = create_job(workspace, by=writer, template=named(workspace, "Plan, approve, apply"), auto_apply=True)
    workspace.organization.no_self_approval = True
    workspace.organization.save()
    to_approval(job)
    refused(approve_job, job, by=writer)


@pytest.mark.parametrize("lost", ["team", "active", "user"])
def test_auto_approve_ends_with_the_right_of_who_started_the_job(lost: str, workspace: Workspace, writer: User) -> None:
    job = create_job(workspace, by=writer, template=named(workspace, "Plan, approve, apply"), auto_apply=True)
    if lost == "team":
        writer.groups.clear()
    elif lost == "active":
        User.objects.filter(pk=writer.pk).update(is_active=False)
    else:
        writer.delete()
    to_approval(job)


# ---- cancelling -----------------------------------------------------------------------------------------------------


def test_who_may_plan_cancels_what_plans_and_interrupts_no_change(
    workspace: Workspace, planner: User, writer: User
) -> None:
    reader = member(TeamFactory.create(organization=workspace.organization, role="read"))
    job = create_job(workspace, by=writer, template=named(workspace, "Plan and apply"))
    refused(cancel_job, job, by=reader)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    cancelled = create_job(workspace, by=writer, tcl=PLAN)
    assert cancel_job(cancelled, by=planner).status == JobStatus.CANCELLED
    transitions.start_step(step_id)
    transitions.finish_step(step_id, transitions.Outcome(succeeded=True, changes=True, plan="https://site.example/p"))
    assert transitions.advance(job.pk) is not None
    assert "is changing resources" in refused(cancel_job, job, by=planner)
    refused(force_cancel, job, by=planner)
    assert force_cancel(job, by=writer).status == JobStatus.CANCELLED


def test_a_job_is_deleted_by_an_administrator_alone(workspace: Workspace, writer: User) -> None:
    job = cancel_job(create_job(workspace, by=writer, tcl=PLAN), by=writer)
    refused(jobs.delete_job, job, by=writer)
    jobs.delete_job(job, by=User.objects.create(username="boss", is_superuser=True))
    assert not Job.objects.exists()


# ---- schedules ------------------------------------------------------------------------------------------------------

HOURLY = "0 0 * * * ?"


def later() -> dt.datetime:
    return timezone.now() + dt.timedelta(hours=3)


@pytest.fixture
def manager(workspace: Workspace) -> User:
    """May manage the workspace and plan, and not approve."""
    team = TeamFactory.create(
        organization=workspace.organization, name="MANAGERS", manage_workspace=True, plan_job=True
    )
    return member(team)


def test_a_schedule_is_made_by_who_may_start_its_job(
    workspace: Workspace, planner: User, manager: User, writer: User
) -> None:
    def make(by: User, **given: Any) -> Schedule:
        return create_schedule(Schedule(workspace=workspace, cron=HOURLY, **given), by=by)

    refused(make, planner, template=named(workspace, "Plan"))
    make(manager, template=named(workspace, "Plan"))
    for given in ({"template": named(workspace, "Destroy")}, {"tcl": PLAN_AND_APPLY}, {"tcl": flow(WITH_SCRIPT)}):
        refused(make, manager, **given)
    assert Schedule.objects.count() == 1
    make(writer, template=named(workspace, "Destroy"))


def test_a_schedule_of_another_one_is_not_turned_to_what_its_changer_may_not_start(
    workspace: Workspace, manager: User, writer: User
) -> None:
    schedule = create_schedule(
        Schedule(workspace=workspace, cron=HOURLY, template=named(workspace, "Destroy")), by=writer
    )
    refused(update_schedule, Schedule.objects.get(), {"cron": "0 30 * * * ?"}, by=manager)
    refused(update_schedule, Schedule.objects.get(), {"description": "mine"}, by=manager)
    update_schedule(Schedule.objects.get(), {"enabled": False}, by=manager)
    refused(update_schedule, Schedule.objects.get(), {"enabled": True}, by=manager)
    schedule.refresh_from_db()
    assert (schedule.enabled, schedule.cron) == (False, HOURLY)
    update_schedule(Schedule.objects.get(), {"template": named(workspace, "Plan"), "enabled": True}, by=manager)
    Template.objects.filter(name="Plan").update(tcl=PLAN_AND_APPLY)
    assert start_due(later()) == []
    assert "without an approval before it" in Schedule.objects.get().refusal


@pytest.mark.parametrize("lost", ["group", "role", "active", "user"])
def test_a_schedule_whose_maker_lost_the_right_starts_nothing_and_says_why(
    lost: str, workspace: Workspace, writer: User
) -> None:
    create_schedule(Schedule(workspace=workspace, cron=HOURLY, template=named(workspace, "Destroy")), by=writer)
    if lost == "group":
        writer.groups.clear()
    elif lost == "role":
        workspace.organization.teams.filter(name="WRITERS").update(role="plan")
    elif lost == "active":
        User.objects.filter(pk=writer.pk).update(is_active=False)
    else:
        writer.delete()
    assert start_due(later()) == []
    said = Schedule.objects.get().refusal
    assert ("without an approval" in said) is (lost == "role")
    assert (writer.username in said) is (lost != "role")
    update_schedule(Schedule.objects.get(), {}, by=User.objects.create(username="boss", is_superuser=True))
    (job,) = start_due(timezone.now() + dt.timedelta(hours=6))
    assert (job.created_by, job.acts_for_name, Schedule.objects.get().refusal) == ("serviceAccount", "boss", "")


def test_who_made_the_schedule_started_its_jobs(strict: Workspace, writer: User) -> None:
    create_schedule(Schedule(workspace=strict, cron=HOURLY, template=named(strict, "Plan, approve, apply")), by=writer)
    (job,) = start_due(later())
    refused(approve_job, to_approval(job), by=writer)
    approve_job(job, by=second("WRITERS"))


def test_a_flow_schedules_only_what_who_started_it_may_start(workspace: Workspace, planner: User, writer: User) -> None:
    asked = flow(OK, 'type: scheduleTemplates, templates: [{name: Destroy, schedule: "0 0 20 ? * FRI"}]')
    template = TemplateFactory.create(organization=workspace.organization, tcl=asked)
    job = create_job(workspace, by=planner, template=template)
    transitions.advance(job.pk)
    approve_job(job, by=writer)
    transitions.advance(job.pk)
    job.refresh_from_db()
    assert job.status == JobStatus.FAILED
    assert f"{planner.username} may not schedule the template Destroy" in job.reason
    assert not Schedule.objects.exists()
    job = create_job(workspace, by=writer, template=template, auto_apply=True)
    transitions.advance(job.pk)
    schedule = Schedule.objects.get()
    assert (schedule.acts_for_user, schedule.template) == (writer, named(workspace, "Destroy"))
