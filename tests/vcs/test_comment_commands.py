"""Commands in comments: who may, what holds them up, and that what is applied is the plan that was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.factories import OrganizationFactory, TeamFactory
from tests.vcs.pulls import (
    HEAD,
    LIVE,
    NEWER,
    NUMBER,
    OLDER,
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
    workspace_of,
)
from vcs.commands import handling
from vcs.models import AccountLink, PullRequest, Report
from vcs.providers.base import ApiError
from vcs.providers.base import PullRequest as LivePullRequest
from vcs.pull_requests.jobs import start_plan
from vcs.pull_requests.records import note_concerned
from workspaces.choices import JobStatus, Via
from workspaces.errors import WrongState
from workspaces.jobs.obstacles import obstacle
from workspaces.models import Job, Vcs, Workspace
from workspaces.services.jobs import approve_job, create_job
from workspaces.services.locks import lock_workspace, unlock_workspace

pytestmark = pytest.mark.django_db


class Place:
    """A repository with one workspace, and what its provider says of pull request 7."""

    def __init__(self, *, applies: bool = True) -> None:
        self.vcs = connection()
        self.workspace = workspace_of(self.vcs)
        self.rule = rule_of(self.workspace, applies=applies)
        self.live: LivePullRequest | ApiError = LIVE
        self.number = 0

    def say(self, text: str, **more: Any) -> str:
        """Write a comment, and return what came of it."""
        self.number += 1
        return handling.handle_comment(self.vcs, SOURCE, comment(text, number=self.number, **more))

    def planned_job(self, **changes: Any) -> Job:
        """A plan of the newest commit that waits for its approval."""
        return planned(start_plan(record_of(self.vcs, **changes), self.workspace, self.rule, by=None))


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    found = Place()

    def live(*_: object) -> LivePullRequest:
        if isinstance(found.live, ApiError):
            raise found.live
        return found.live

    monkeypatch.setattr(handling, "_live", live)
    return found


def _nobody(vcs: Vcs) -> None:
    """An account that nobody linked."""


def _with(**rights: bool) -> Callable[[Vcs], None]:
    def make(vcs: Vcs) -> None:
        linked(vcs, person(vcs.organization, "ann", **rights))

    return make


def _inactive(vcs: Vcs) -> None:
    user = person(vcs.organization, "ann", plan_job=True, approve_job=True, manage_workspace=True)
    User.objects.filter(pk=user.pk).update(is_active=False)
    linked(vcs, user)


def _elsewhere(vcs: Vcs) -> None:
    other = OrganizationFactory.create(name="other")
    linked(vcs, person(other, "ann", plan_job=True, approve_job=True, manage_workspace=True))


def _of_another_connection(vcs: Vcs) -> None:
    user = person(vcs.organization, "ann", plan_job=True, approve_job=True)
    linked(connection(vcs.organization, name="second"), user)


def _renamed(vcs: Vcs) -> None:
    """The linked account had this name; another account has it now."""
    linked(vcs, person(vcs.organization, "ann", plan_job=True, approve_job=True), account_id="id-before")


def _superuser(vcs: Vcs) -> None:
    linked(vcs, User.objects.create_superuser("ann"))


NOT_LINKED = "is not linked with a user here"
WHO: dict[str, tuple[Callable[[Vcs], None], str, str, str]] = {
    # case: who, answer to plan, to apply, to unlock; "" is done
    "stranger": (_nobody, NOT_LINKED, NOT_LINKED, NOT_LINKED),
    "inactive": (_inactive, "is not active", "is not active", "is not active"),
    "another-connection": (_of_another_connection, NOT_LINKED, NOT_LINKED, NOT_LINKED),
    "taken-name": (_renamed, "is not the one that was linked", "is not the one that was", "is not the one that was"),
    "other-organization": (_elsewhere, "plan_job", "approve_job", "manage_workspace"),
    "reader": (_with(manage_state=True), "plan_job", "approve_job", "manage_workspace"),
    "planner": (_with(plan_job=True), "", "approve_job", "manage_workspace"),
    "approver": (_with(plan_job=True, approve_job=True), "", "", ""),
    "manager": (_with(manage_workspace=True), "plan_job", "approve_job", ""),
    "administrator": (_superuser, "", "", ""),
}


@pytest.mark.parametrize("verb", ["plan", "apply", "unlock"])
@pytest.mark.parametrize("case", WHO)
def test_a_comment_may_what_its_writer_may_in_the_site(place: Place, case: str, verb: str) -> None:
    who, *answers = WHO[case]
    who(place.vcs)
    job = place.planned_job()
    if verb == "unlock":
        Workspace.objects.filter(pk=place.workspace.pk).update(locked=True, locked_by_pull_request=NUMBER)
    refused = answers[["plan", "apply", "unlock"].index(verb)]
    said = place.say(f"terrakube {verb}")
    job.refresh_from_db()
    place.workspace.refresh_from_db()
    newer = Job.objects.filter(pr_number=NUMBER, pk__gt=job.pk).exists()
    done = {"plan": newer, "apply": job.status == JobStatus.APPROVED, "unlock": not place.workspace.locked}[verb]
    assert done is (refused == ""), said
    assert refused in said
    body = last_reply(place.vcs)
    assert ("Refused" in body) is (refused != "")
    assert refused in body, "the pull request says why"


LIVES: dict[str, tuple[dict[str, Any], str]] = {
    "good": ({}, ""),
    "closed": ({"open": False}, "is closed"),
    "merged": ({"open": False, "merged": True}, "is merged"),
    "fork": ({"fork": True}, "comes from a fork"),
    "stale-head": ({"commit": NEWER}, "Plan again"),
    "not-approved": ({"approved": False}, "not approved"),
    "conflicts": ({"mergeable": False}, "cannot be merged"),
}


@pytest.mark.parametrize("case", LIVES)
def test_an_apply_needs_what_the_provider_says_now(place: Place, case: str) -> None:
    linked(place.vcs, person(place.vcs.organization, "ann", plan_job=True, approve_job=True))
    job = place.planned_job()
    changes, refused = LIVES[case]
    place.live = replace(LIVE, **changes)
    said = place.say("terrakube apply")
    job.refresh_from_db()
    assert (job.status == JobStatus.APPROVED) is (refused == ""), said
    assert refused in said


def test_an_apply_needs_what_the_workspace_asks_for(place: Place) -> None:
    linked(place.vcs, person(place.vcs.organization, "ann", plan_job=True, approve_job=True))
    job = place.planned_job()
    place.live = replace(LIVE, approved=None, mergeable=None, up_to_date=False)
    asked = rules(place.workspace, require_approved=False, require_mergeable=False, require_up_to_date=True)
    assert "not up to date" in place.say("terrakube apply")
    asked.require_up_to_date = False
    asked.save()
    place.say("terrakube apply")
    job.refresh_from_db()
    assert job.status == JobStatus.APPROVED


def test_an_apply_is_of_the_very_plan_and_locks_the_workspace_for_others(place: Place) -> None:
    ann = person(place.vcs.organization, "ann", plan_job=True, approve_job=True)
    linked(place.vcs, ann)
    job = place.planned_job()
    assert job.save_plan
    assert job.commit_id == HEAD
    assert "applies its plan" in place.say("terrakube apply")
    job.refresh_from_db()
    place.workspace.refresh_from_db()
    assert (job.status, job.approved_by) == (JobStatus.APPROVED, "ann@acme.example")
    assert Job.objects.count() == 1, "no other job plans again"
    assert (place.workspace.locked, place.workspace.locked_by_pull_request) == (True, NUMBER)
    assert place.workspace.lock_description == "Pull request 7 was applied before its merge"
    assert obstacle(job) is None, "its own jobs go on"
    other = create_job(place.workspace, by=ann, template=place.rule.template)
    found = obstacle(other)
    assert found is not None
    assert "Pull request 7" in str(found.why)
    assert "holds the workspace's lock" in last_reply(place.vcs)


def test_a_lock_of_somebody_else_refuses_the_apply_and_leaves_the_plan_waiting(place: Place) -> None:
    linked(place.vcs, person(place.vcs.organization, "ann", plan_job=True, approve_job=True))
    job = place.planned_job()
    bob = person(place.vcs.organization, "bob", manage_workspace=True)
    lock_workspace(place.workspace, by=bob, reason="hands off")
    said = place.say("terrakube apply")
    assert "is locked by bob@acme.example" in said
    job.refresh_from_db()
    place.workspace.refresh_from_db()
    assert job.status == JobStatus.WAITING_APPROVAL
    assert job.approved_by == ""
    assert place.workspace.lock_description == "hands off"


def test_a_lock_of_another_pull_request_refuses_the_apply(place: Place) -> None:
    linked(place.vcs, person(place.vcs.organization, "ann", plan_job=True, approve_job=True))
    place.planned_job()
    Workspace.objects.filter(pk=place.workspace.pk).update(locked=True, locked_by_pull_request=8)
    assert "is locked by" in place.say("terrakube apply")
    assert "does not hold the lock" in place.say("terrakube unlock")


def test_who_may_not_approve_their_own_jobs_may_not_by_comment(place: Place) -> None:
    place.vcs.organization.no_self_approval = True
    place.vcs.organization.save()
    ann = person(place.vcs.organization, "ann", plan_job=True, approve_job=True)
    linked(place.vcs, ann)
    place.say("terrakube plan net")
    job = planned(Job.objects.get())
    assert "you started it" in place.say("terrakube apply net")
    job.refresh_from_db()
    assert job.status == JobStatus.WAITING_APPROVAL


def test_the_panel_and_rest_approve_no_plan_of_an_older_commit(place: Place) -> None:
    ann = person(place.vcs.organization, "ann", plan_job=True, approve_job=True)
    job = place.planned_job()
    record_of(place.vcs, commit=NEWER)
    with pytest.raises(WrongState, match="newer commit"):
        approve_job(job, by=ann)
    PullRequest.objects.update(commit=HEAD, open=False)
    with pytest.raises(WrongState, match="is not open"):
        approve_job(job, by=ann)
    PullRequest.objects.update(open=True, fork=True)
    with pytest.raises(WrongState, match="fork"):
        approve_job(job, by=ann)
    job.refresh_from_db()
    assert job.status == JobStatus.WAITING_APPROVAL
    PullRequest.objects.update(fork=False)
    approve_job(job, by=ann)
    place.workspace.refresh_from_db()
    assert place.workspace.locked_by_pull_request == NUMBER


def test_an_event_that_lets_nobody_apply_only_plans(place: Place) -> None:
    place.rule.pr_apply_enabled = False
    place.rule.save()
    linked(place.vcs, person(place.vcs.organization, "ann", plan_job=True, approve_job=True))
    place.say("terrakube plan net")
    job = Job.objects.get()
    assert (job.plan_only, job.save_plan, job.via, job.pr_number) == (True, False, Via.GITHUB, NUMBER)
    assert "is not enabled" in place.say("terrakube apply net")


def test_a_plan_by_comment_takes_the_newest_commit_and_replaces_an_older_plan(place: Place) -> None:
    linked(place.vcs, person(place.vcs.organization, "ann", plan_job=True))
    older = place.planned_job(commit=OLDER)
    place.say("terrakube plan")
    older.refresh_from_db()
    newest = Job.objects.latest("pk")
    assert (newest.commit_id, newest.pr_number, newest.override_branch) == (HEAD, NUMBER, "nets")
    assert older.status == JobStatus.CANCELLED
    assert newest.created_by == "ann@acme.example"


TARGETS = {
    "all": ("terrakube plan", ["db", "net"]),
    "name": ("terrakube plan db", ["db"]),
    "case": ("terrakube plan DB", ["db"]),
    "organization": ("terrakube plan acme/db", ["db"]),
    "folder": ("terrakube plan -d envs/db", ["db"]),
    "root": ("terrakube plan -d .", ["net"]),
    "unknown": ("terrakube plan other", []),
    "without-commands": ("terrakube plan quiet", []),
    "not-concerned": ("terrakube plan far", ["far"]),
}


@pytest.mark.parametrize("case", TARGETS)
def test_a_command_is_for_the_workspace_or_folder_that_it_names(place: Place, case: str) -> None:
    linked(place.vcs, person(place.vcs.organization, "ann", plan_job=True))
    record = record_of(place.vcs)
    note_concerned(record, place.workspace, place.rule)
    db = workspace_of(place.vcs, "db", folder="/envs/db/")
    note_concerned(record, db, rule_of(db))
    quiet = workspace_of(place.vcs, "quiet", folder="/quiet")
    note_concerned(record, quiet, rule_of(quiet, comments=False))
    rule_of(workspace_of(place.vcs, "far", folder="/far"))
    text, names = TARGETS[case]
    said = place.say(text)
    assert sorted(Job.objects.values_list("workspace__name", flat=True)) == names, said


def test_comments_that_are_no_commands_are_left_alone(place: Place) -> None:
    linked(place.vcs, person(place.vcs.organization, "ann", plan_job=True, approve_job=True))
    place.planned_job()
    assert place.say("looks good") == "no command"
    assert place.say("terrakube apply", action="edited") == "an edited comment commands nothing"
    assert place.say("<!-- terrakube-site:reply:1 -->\nterrakube apply") == "no command"
    place.rule.pr_workflow_enabled = False
    place.rule.save()
    assert place.say("terrakube apply") == "no workspace takes commands"
    assert replies(place.vcs) == []


def test_a_comment_that_is_delivered_twice_is_done_once(place: Place) -> None:
    linked(place.vcs, person(place.vcs.organization, "ann", plan_job=True))
    place.say("terrakube plan net")
    place.number -= 1
    assert place.say("terrakube plan net") == "answered before"
    assert Job.objects.count() == 1


def test_a_stranger_is_answered_once_however_often_it_tries(place: Place) -> None:
    for _ in range(3):
        place.say("terrakube apply", by="eve")
    assert len(replies(place.vcs)) == 1
    assert "`eve`: Refused: The account eve is not linked with a user here." in last_reply(place.vcs)
    assert Report.objects.get(body=last_reply(place.vcs)).accepted is False


def test_an_account_keeps_its_user_when_its_name_changes_and_loses_it_with_its_id(place: Place) -> None:
    ann = person(place.vcs.organization, "ann", plan_job=True)
    linked(place.vcs, ann)
    place.say("terrakube plan net", by="ann", by_id="1")
    assert AccountLink.objects.get().account_id == "1"
    assert "plans commit" in place.say("terrakube plan net", by="anna", by_id="1")
    assert "is not the one that was linked" in place.say("terrakube plan net", by="ann", by_id="2")


def test_help_is_answered_and_a_typing_error_says_what_is_wrong(place: Place) -> None:
    linked(place.vcs, person(place.vcs.organization, "ann"))
    assert place.say("terrakube help") == "help"
    assert "| `terrakube apply` |" in last_reply(place.vcs)
    place.say("terrakube aply")
    assert "There is no command 'aply'." in last_reply(place.vcs)


def test_a_provider_that_does_not_answer_refuses_the_command_with_its_words(place: Place) -> None:
    linked(place.vcs, person(place.vcs.organization, "ann", plan_job=True, approve_job=True))
    job = place.planned_job()
    place.live = ApiError(503, "maintenance")
    assert "503: maintenance" in place.say("terrakube apply")
    job.refresh_from_db()
    assert job.status == JobStatus.WAITING_APPROVAL


def test_a_named_commit_must_be_the_newest(place: Place) -> None:
    linked(place.vcs, person(place.vcs.organization, "ann", plan_job=True))
    assert "not bbbbbbb" in place.say(f"terrakube plan net -c {OLDER[:7]}")
    assert "plans commit" in place.say(f"terrakube plan net -c {HEAD[:7]}")


def test_an_unlocked_workspace_goes_on(place: Place) -> None:
    ann = person(place.vcs.organization, "ann", plan_job=True, approve_job=True)
    linked(place.vcs, ann)
    place.planned_job()
    place.say("terrakube apply")
    assert "unlocked" in place.say("terrakube unlock net")
    place.workspace.refresh_from_db()
    assert (place.workspace.locked, place.workspace.locked_by_pull_request) == (False, None)


def test_the_panel_unlocks_a_lock_of_a_pull_request_by_force(place: Place) -> None:
    ann = person(place.vcs.organization, "ann", plan_job=True, approve_job=True)
    linked(place.vcs, ann)
    place.planned_job()
    place.say("terrakube apply")
    bob = person(place.vcs.organization, "bob", manage_workspace=True)
    unlock_workspace(place.workspace, by=bob, force=True)
    assert (place.workspace.locked, place.workspace.locked_by_pull_request) == (False, None)


def test_rights_on_one_workspace_are_no_rights_on_another(place: Place) -> None:
    ann = person(place.vcs.organization, "ann")
    linked(place.vcs, ann)
    place.workspace.accesses.create(name="TEAM_ann", plan_job=True)
    db = workspace_of(place.vcs, "db")
    rule_of(db)
    record = record_of(place.vcs)
    for workspace in (place.workspace, db):
        note_concerned(record, workspace, place.rule)
    said = place.say("terrakube plan")
    assert list(Job.objects.values_list("workspace__name", flat=True)) == ["net"]
    assert "db: You may not start a job" in said


def test_teams_of_the_site_are_what_counts_not_the_repository(place: Place) -> None:
    """The author of the pull request, an owner of the repository, is nobody here."""
    TeamFactory.create(organization=place.vcs.organization, name="owners", plan_job=True, approve_job=True)
    place.planned_job()
    assert NOT_LINKED in place.say("terrakube apply", by=LIVE.author)
