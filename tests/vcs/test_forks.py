"""Pull requests from forks run nothing until a person with the right allows a commit, and then only plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User

from tests.factories import PLAN_AND_APPLY, PLAN_APPROVE_APPLY, VariableFactory
from tests.vcs.pulls import (
    HEAD,
    LIVE,
    NEWER,
    NUMBER,
    SOURCE,
    comment,
    connection,
    last_reply,
    linked,
    person,
    planned,
    record_of,
    replies,
    rule_of,
    rules,
    step_types,
    workspace_of,
)
from vcs.choices import EventKind
from vcs.commands import handling
from vcs.models import PullRequest
from vcs.providers.base import Event
from vcs.pull_requests import closing, forks, records
from vcs.pull_requests.jobs import job_settings, start_plan
from workspaces import flows
from workspaces.choices import Category, JobStatus, VcsType
from workspaces.errors import NotAllowed, WrongState
from workspaces.models import Job, PolicyRule, Variable, Vcs, Workspace
from workspaces.pods import pod_settings
from workspaces.pods.catalogue import ENABLE, ENVIRONMENT, SERVICE_ACCOUNT, TOLERATIONS
from workspaces.services.jobs import approve_job, create_job, run_again
from workspaces.services.policy import create_rule
from workspaces.variables.in_force import WORKSPACE, step_inputs

pytestmark = pytest.mark.django_db


def opened(*, fork: bool = True, commit: str = HEAD, action: str = "opened", **more: Any) -> Event:
    return Event(
        kind=EventKind.PULL_REQUEST,
        action=action,
        branch="nets",
        target_branch="main",
        commit=commit,
        sender="eve",
        sender_id="id-eve",
        message="More nets",
        pull_request=NUMBER,
        fork=fork,
        **more,
    )


class Place:
    def __init__(self, **rule: Any) -> None:
        self.vcs = connection()
        self.workspace = workspace_of(self.vcs)
        self.rule = rule_of(self.workspace, **rule)

    def seen(self, **more: Any) -> PullRequest:
        record = records.seen(self.vcs, SOURCE, opened(**more))
        records.note_concerned(record, self.workspace, self.rule)
        return record


def test_a_fork_is_held_with_a_notice_and_its_jobs_are_refused() -> None:
    place = Place(applies=True)
    record = place.seen()
    assert record.is_held
    [notice] = replies(place.vcs)
    assert "comes from a fork, so nothing runs automatically" in notice
    assert f"`terrakube plan -c {HEAD[:10]}`" in notice
    with pytest.raises(WrongState, match="was not allowed"):
        start_plan(record, place.workspace, place.rule, by=None)
    assert Job.objects.count() == 0


def test_a_pull_request_of_the_repository_is_not_held() -> None:
    place = Place()
    assert not place.seen(fork=False).is_held
    assert replies(place.vcs) == []


def _plain(vcs: Vcs) -> User:
    return person(vcs.organization, "bob")


def _reader(vcs: Vcs) -> User:
    return person(vcs.organization, "bob", manage_state=True)


def _planner(vcs: Vcs) -> User:
    return person(vcs.organization, "bob", plan_job=True)


ALLOWING: dict[str, tuple[Callable[[Vcs], User], str, str]] = {
    # case: who, the commit that they looked at, why it is refused
    "nobody": (_plain, HEAD, "on any workspace"),
    "reader": (_reader, HEAD, "on any workspace"),
    "planner": (_planner, HEAD, ""),
    "older-commit": (_planner, NEWER, "now has another commit"),
    "no-commit": (_planner, "", "now has another commit"),
}


@pytest.mark.parametrize("case", ALLOWING)
def test_a_person_with_the_right_allows_the_commit_that_they_saw(case: str) -> None:
    place = Place(applies=True, tcl=PLAN_APPROVE_APPLY)
    record = place.seen()
    who, commit, refused = ALLOWING[case]
    user = who(place.vcs)
    if refused:
        with pytest.raises((NotAllowed, WrongState), match=refused):
            forks.allow_commit(record, commit, by=user)
        assert Job.objects.count() == 0
        record.refresh_from_db()
        assert record.is_held
        return
    [job] = forks.allow_commit(record, commit, by=user)
    assert (job.plan_only, job.save_plan, job.withholds_sensitive) == (True, False, True)
    assert (job.commit_id, job.override_branch, job.from_fork) == (HEAD, "refs/pull/7/head", True)
    record.refresh_from_db()
    assert (record.allowed_commit, record.allowed_by) == (HEAD, "bob@acme.example")
    with pytest.raises(WrongState, match="is not waiting for permission"):
        forks.allow_commit(record, commit, by=user)


def test_a_newer_commit_has_to_be_allowed_again() -> None:
    place = Place()
    record = place.seen()
    forks.allow_commit(record, HEAD, by=_planner(place.vcs))
    record = place.seen(commit=NEWER)
    assert record.is_held
    assert len(replies(place.vcs)) == 1, "the notice is kept up to date"
    assert NEWER[:10] in last_reply(place.vcs)
    with pytest.raises(WrongState):
        start_plan(record, place.workspace, place.rule, by=None)


@pytest.mark.parametrize("tcl", [PLAN_AND_APPLY, PLAN_APPROVE_APPLY], ids=["apply", "approved-apply"])
def test_a_fork_only_plans_whatever_its_template_says(tcl: str) -> None:
    place = Place(applies=True, tcl=tcl)
    [job] = forks.allow_commit(place.seen(), HEAD, by=_planner(place.vcs))
    assert step_types(job) == ["terraformPlan"]


@pytest.mark.parametrize("fork", [True, False], ids=["fork", "own"])
def test_a_plan_that_is_run_again_gets_and_does_no_more_than_the_first(fork: bool) -> None:
    place = Place(applies=True, tcl=PLAN_AND_APPLY)
    rules(place.workspace, sensitive_in_plans=False)
    record = place.seen(fork=fork)
    user = person(place.vcs.organization, "bob", plan_job=True, approve_job=True)
    [job] = (
        forks.allow_commit(record, HEAD, by=user)
        if fork
        else [start_plan(record, place.workspace, place.rule, by=user)]
    )
    again = run_again(job, by=user)
    assert step_types(again) == ["terraformPlan"]
    assert (again.plan_only, again.withholds_sensitive, again.from_fork) == (True, True, fork)
    # Nobody has looked at what the fork's branch has got since.
    assert again.commit_id == (HEAD if fork else None)


def test_a_job_of_a_fork_only_plans_whoever_makes_it() -> None:
    job = create_job(Place().workspace, by=None, tcl=PLAN_AND_APPLY, from_fork=True)
    assert step_types(job) == ["terraformPlan"]


def test_a_fork_is_not_applied_even_if_its_record_was_changed() -> None:
    place = Place(applies=True)
    job = planned(start_plan(record_of(place.vcs), place.workspace, place.rule, by=None))
    PullRequest.objects.update(fork=True)
    user = person(place.vcs.organization, "bob", plan_job=True, approve_job=True)
    with pytest.raises(WrongState, match="fork"):
        approve_job(job, by=user)


def test_a_provider_that_keeps_no_commits_of_forks_plans_none() -> None:
    vcs = connection(kind=VcsType.BITBUCKET)
    workspace = workspace_of(vcs)
    rule = rule_of(workspace)
    record = records.seen(vcs, SOURCE, opened())
    records.note_concerned(record, workspace, rule)
    with pytest.raises(WrongState, match="keeps no commits of forks"):
        forks.allow_commit(record, HEAD, by=_planner(vcs))
    record.refresh_from_db()
    assert record.is_held


COMMENTS = {
    "stranger": (False, f"terrakube plan -c {HEAD[:7]}", "is not linked"),
    "without-commit": (True, "terrakube plan", "name it: terrakube plan -c aaaaaaaaaa"),
    "older-commit": (True, f"terrakube plan -c {NEWER[:7]}", "The newest commit is aaaaaaaaaa"),
    "good": (True, f"terrakube plan -c {HEAD[:7]}", ""),
    "apply": (True, "terrakube apply", "approve_job"),
}


@pytest.mark.parametrize("case", COMMENTS)
def test_a_comment_of_a_linked_account_allows_a_commit_that_it_names(
    monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    place = Place(applies=True)
    place.seen()
    monkeypatch.setattr(handling, "_live", lambda *_: replace(LIVE, fork=True))
    is_linked, text, refused = COMMENTS[case]
    if is_linked:
        linked(place.vcs, _planner(place.vcs))
    said = handling.handle_comment(place.vcs, SOURCE, comment(text, by="bob"))
    assert Job.objects.count() == (0 if refused else 1), said
    assert refused in said


WITHHELD = {
    # case: fork, rules of the workspace, whether sensitive variables are withheld
    "own": (False, {}, False),
    "own-without": (False, {"sensitive_in_plans": False}, True),
    "fork": (True, {}, True),
    "fork-with": (True, {"sensitive_for_forks": True}, False),
    "fork-with-plans": (True, {"sensitive_in_plans": True}, True),
}


@pytest.mark.parametrize("case", WITHHELD)
def test_sensitive_variables_are_withheld_as_the_workspace_says(case: str) -> None:
    place = Place()
    fork, asked, withheld = WITHHELD[case]
    if asked:
        rules(place.workspace, **asked)
    for category in (Category.ENV, Category.TERRAFORM):
        VariableFactory.create(workspace=place.workspace, key=f"secret_{category}", sensitive=True, category=category)
        VariableFactory.create(workspace=place.workspace, key=f"plain_{category}", category=category)
    record = place.seen(fork=fork)
    PullRequest.objects.update(allowed_commit=HEAD)
    record.refresh_from_db()
    job = start_plan(record, place.workspace, place.rule, by=None)
    inputs = step_inputs(job, flows.parse(job.tcl)[0])
    names = {*inputs.environment, *inputs.terraform}
    assert {"plain_ENV", "plain_TERRAFORM"} <= names
    assert ({"secret_ENV", "secret_TERRAFORM"} <= names) is not withheld
    assert (not {"secret_ENV", "secret_TERRAFORM"} & names) is withheld


def test_a_plan_without_the_secrets_runs_where_the_others_run() -> None:
    place = Place()
    create_rule(PolicyRule(setting=ENVIRONMENT, effect="locked", value="SITE=berlin"), by=None)
    shape = {ENABLE: "true", SERVICE_ACCOUNT: "careful", f"{TOLERATIONS}_PLAN": "pool=forks:Equal:NoSchedule"}
    for key, value in shape.items():
        VariableFactory.create(workspace=place.workspace, key=key, value=value, sensitive=True, category=Category.ENV)
    Variable.objects.create(workspace=place.workspace, key=ENVIRONMENT, value="SITE=berlin", sensitive=True)
    job = start_plan(place.seen(fork=False), place.workspace, place.rule, by=None)
    job.withholds_sensitive = True
    found = step_inputs(job, flows.parse(job.tcl)[0])
    assert pod_settings(found.texts(Category.ENV)) == pod_settings(
        {
            ENABLE: "true",
            SERVICE_ACCOUNT: "careful",
            TOLERATIONS: "pool=forks:Equal:NoSchedule",
            ENVIRONMENT: "SITE=berlin",
        }
    )
    assert found.environment[ENVIRONMENT].origin != WORKSPACE, "the policy's own, not the workspace's"
    assert found.refusals == []


def test_a_secret_in_the_containers_variables_is_withheld() -> None:
    place = Place()
    VariableFactory.create(
        workspace=place.workspace, key=ENVIRONMENT, value="PROXY=secret", sensitive=True, category=Category.ENV
    )
    job = start_plan(place.seen(fork=False), place.workspace, place.rule, by=None)
    job.withholds_sensitive = True
    assert ENVIRONMENT not in step_inputs(job, flows.parse(job.tcl)[0]).environment


def test_a_plan_without_the_secrets_is_not_made_to_be_applied() -> None:
    place = Place(applies=True, tcl=PLAN_APPROVE_APPLY)
    rules(place.workspace, sensitive_in_plans=False)
    settings = job_settings(place.seen(fork=False), place.workspace, place.rule)
    assert (settings["plan_only"], settings["save_plan"]) == (True, False)


FLOWS = {
    "plan": ("flow:\n  - {type: terraformPlan, name: Plan, step: 100}\n", False),
    "unapproved": (PLAN_AND_APPLY, False),
    "approved": (PLAN_APPROVE_APPLY, True),
}


@pytest.mark.parametrize("case", FLOWS)
def test_a_plan_to_be_applied_has_an_approval_before_each_change(case: str) -> None:
    tcl, is_own = FLOWS[case]
    place = Place(applies=True, tcl=tcl)
    job = start_plan(place.seen(fork=False), place.workspace, place.rule, by=None)
    assert (job.template_id == place.rule.template_id) is is_own
    assert step_types(job) == ["terraformPlan", "approval", "terraformApply"]
    assert (job.save_plan, job.auto_apply) == (True, False)


# ---- the end of a pull request --------------------------------------------------------------------------------------


def test_a_closed_pull_request_ends_its_waiting_plans_and_gives_its_lock_back() -> None:
    place = Place(applies=True)
    job = planned(start_plan(place.seen(fork=False), place.workspace, place.rule, by=None))
    Workspace.objects.update(locked=True, locked_by_pull_request=NUMBER)
    assert closing.closed(place.vcs, SOURCE, opened(action="closed")) == []
    job.refresh_from_db()
    place.workspace.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    assert job.reason == "Cancelled by the end of pull request 7"
    assert not place.workspace.locked
    assert not PullRequest.objects.get().open


def test_what_is_applied_goes_on_when_its_pull_request_is_merged() -> None:
    place = Place(applies=True)
    job = planned(start_plan(place.seen(fork=False), place.workspace, place.rule, by=None))
    approve_job(job, by=person(place.vcs.organization, "bob", plan_job=True, approve_job=True))
    closing.closed(place.vcs, SOURCE, opened(action="closed", merged=True))
    job.refresh_from_db()
    assert job.status == JobStatus.APPROVED


def test_a_lock_of_another_pull_request_stays() -> None:
    place = Place()
    place.seen(fork=False)
    Workspace.objects.update(locked=True, locked_by_pull_request=NUMBER + 1)
    closing.closed(place.vcs, SOURCE, opened(action="closed"))
    place.workspace.refresh_from_db()
    assert place.workspace.locked


MERGES = {
    "not-wanted": ({}, True, False),
    "wanted": ({"apply_on_merge": True}, True, True),
    "closed-only": ({"apply_on_merge": True}, False, False),
}


@pytest.mark.parametrize("case", MERGES)
def test_a_merge_starts_what_its_workspace_wants_and_waits_for_approval(case: str) -> None:
    asked, merged, starts = MERGES[case]
    place = Place()
    if asked:
        rules(place.workspace, **asked)
    place.seen(fork=False)
    jobs = closing.closed(place.vcs, SOURCE, opened(action="closed", merged=merged), merge_commit=NEWER)
    assert bool(jobs) is starts
    for job in jobs:
        assert (job.commit_id, job.pr_number, job.auto_apply) == (NEWER, None, False)
        assert step_types(job) == ["terraformPlan", "approval", "terraformApply"]
    assert closing.closed(place.vcs, SOURCE, opened(action="closed", merged=merged)) == [], "once"


def test_jobs_of_before_are_known_to_be_of_a_fork() -> None:
    place = Place()
    theirs = create_job(place.workspace, by=None, tcl=PLAN_AND_APPLY, plan_only=True, pr_number=NUMBER)
    ours = create_job(place.workspace, by=None, tcl=PLAN_AND_APPLY, plan_only=True, pr_number=NUMBER + 1)
    place.seen()
    import_module("vcs.migrations.0005_jobs_of_forks").mark(
        apps, SimpleNamespace(connection=SimpleNamespace(alias="default"))
    )
    for job in (theirs, ours):
        job.refresh_from_db()
    assert (theirs.from_fork, ours.from_fork) == (True, False)
