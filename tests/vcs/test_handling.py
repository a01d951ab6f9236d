"""What comes of a delivery: jobs on the workspaces that it is about, each once, and a sentence for the others."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.factories import PLAN, PLAN_APPROVE_APPLY, TeamFactory, TemplateFactory
from tests.vcs import payloads as sent
from tests.vcs.payloads import OLD, SHA
from tests.vcs.scene import SOURCE, Scene
from vcs import retention
from vcs.choices import DeliveryStatus
from vcs.deliveries import handling
from vcs.models import Delivery, DeliveryOutcome, Report, RepositoryHook, Trigger, UsedFolders
from workspaces.choices import JobStatus, Via
from workspaces.flows import parse
from workspaces.jobs import transitions
from workspaces.jobs.acting import keep_actor
from workspaces.models import Job, WebhookEvent, Workspace
from workspaces.services.jobs import cancel_job

OTHER = "b" * 40


def outcomes(delivery: Delivery) -> dict[str, tuple[str, str]]:
    rows = delivery.outcomes.select_related("workspace")
    return {row.workspace.name: (row.code, str(row.why)) for row in rows}


def test_a_push_starts_a_job_on_each_workspace_whose_files_changed(scene: Scene) -> None:
    for name in ("dev", "prod", "test"):
        scene.event(scene.workspace(name, f"envs/{name}"))
    UsedFolders.objects.create(workspace=Workspace.objects.get(name="test"), folders=["modules/net"])
    delivery = scene.delivered(sent.hub_push("envs/prod/main.tf", "modules/net/main.tf"))
    assert delivery.status == DeliveryStatus.PROCESSED
    assert (delivery.kind, delivery.ref, delivery.commit, delivery.sender) == ("push", "main", SHA, "ada")
    jobs = {job.workspace.name: job for job in Job.objects.select_related("workspace")}
    assert jobs.keys() == {"prod", "test"}
    job = jobs["prod"]
    assert (job.via, job.created_by, job.author, job.commit_id) == (Via.GITHUB, "ada", "ada", SHA)
    assert (job.override_branch, job.pr_number, job.comments) == (None, None, "Raise the limit")
    assert outcomes(delivery) == {
        "dev": ("path", "No file below envs/dev changed."),
        "prod": ("job", f"Job {job.pk} was started."),
        "test": ("job", f"Job {jobs['test'].pk} was started."),
    }
    assert str(delivery.why) == "2 jobs were started on 3 workspaces."


def test_only_workspaces_of_the_repository_and_connection_listen(scene: Scene) -> None:
    core = scene.workspace("core")
    for name, changes in (
        ("other repository", {"source": "https://github.com/acme/other"}),
        ("other connection", {"vcs": None}),
        ("deleted", {"deleted": True}),
    ):
        workspace = scene.workspace(name.replace(" ", "-"))
        scene.event(workspace)
        Workspace.objects.filter(pk=workspace.pk).update(**changes)
    own = scene.workspace("own-webhook")
    scene.event(own)
    own.webhook.migrated_v2 = False
    own.webhook.save()
    scene.event(core)
    # Another way to write the same address.
    Workspace.objects.filter(pk=core.pk).update(source="git@github.com:acme/Infra.git")
    assert outcomes(scene.delivered(sent.hub_push("a.tf"))).keys() == {"core"}


def test_a_workspace_s_own_webhook_serves_it_alone(scene: Scene) -> None:
    shared, own = scene.workspace("shared"), scene.workspace("own")
    for workspace in (shared, own):
        scene.event(workspace)
    own.webhook.migrated_v2 = False
    own.webhook.save()
    hook = RepositoryHook.objects.create(
        vcs=scene.vcs, repository_url=scene.hook.repository_url, source=SOURCE, webhook_id=own.webhook.pk
    )
    assert scene.send(sent.hub_push("a.tf"), path=hook.path, secret=hook.secret).status_code == 202
    handling.handle_delivery(Delivery.objects.get().pk)
    assert [job.workspace.name for job in Job.objects.all()] == ["own"]


def test_the_same_commit_starts_one_job(scene: Scene) -> None:
    scene.event(scene.workspace("core"))
    first, second = scene.delivered(sent.hub_push("a.tf")), scene.delivered(sent.hub_push("a.tf"))
    job = Job.objects.get()
    assert outcomes(first)["core"] == ("job", f"Job {job.pk} was started.")
    assert outcomes(second)["core"] == ("again", f"This commit already started job {job.pk}.")


def test_a_delivery_that_is_handled_again_makes_up_for_what_was_missing(scene: Scene) -> None:
    core, late = scene.workspace("core"), scene.workspace("late")
    scene.event(core)
    event = scene.event(late, branch="dev")
    delivery = scene.delivered(sent.hub_push("a.tf"))
    assert outcomes(delivery)["late"] == ("branch", "The branch main does not match dev.")
    WebhookEvent.objects.filter(pk=event.pk).update(branch="")
    handling.handle_again(delivery)
    handling.handle_delivery(delivery.pk)
    assert [outcomes(delivery)[name][0] for name in ("core", "late")] == ["again", "job"]
    assert Job.objects.count() == 2


def test_a_pull_request_only_plans(scene: Scene) -> None:
    core = scene.workspace("core")
    template = TemplateFactory.create(organization=scene.organization, name="Whole", tcl=PLAN_APPROVE_APPLY)
    scene.event(core, event="PULL_REQUEST", template=template)
    delivery = scene.delivered(sent.hub_pull_request())
    job = Job.objects.get()
    assert outcomes(delivery)["core"][0] == "job"
    assert (job.plan_only, job.pr_number, job.override_branch, job.commit_id) == (True, 12, "raise", SHA)
    assert [step.type for step in parse(job.tcl)] == ["terraformPlan"]


def test_a_template_without_a_plan_runs_for_no_pull_request(scene: Scene) -> None:
    scene.event(scene.workspace("core"), event="PULL_REQUEST")
    template = scene.template
    template.tcl = "flow:\n  - {type: terraformApply, name: Apply, step: 100}\n"
    template.save()
    delivery = scene.delivered(sent.hub_pull_request())
    assert outcomes(delivery)["core"] == (
        "refused", "The template changes resources before its first plan, so it may not run here."
    )  # fmt: skip
    assert not Job.objects.exists()
    assert not Trigger.objects.exists()


@pytest.mark.parametrize("head", ["eve/infra", None], ids=["fork", "deleted fork"])
def test_a_fork_starts_nothing(scene: Scene, head: str | None) -> None:
    scene.event(scene.workspace("core"), event="PULL_REQUEST")
    delivery = scene.delivered(sent.hub_pull_request(head=head))
    assert str(delivery.why) == "The pull request comes from a fork: nothing runs until a user allows it."
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        (sent.hub("ping"), "The provider tested the webhook (ping)."),
        (sent.hub_push(deleted=True, after="0" * 40, head_commit=None), "refs/heads/main was deleted."),
        (sent.hub_pull_request("labeled"), 'The pull request event "labeled" starts no jobs.'),
        (sent.hub("star"), "Deliveries of type star start no jobs."),
    ],
    ids=["ping", "deleted", "labeled", "star"],
)
def test_what_starts_nothing_says_why(scene: Scene, delivery: sent.Delivery, said: str) -> None:
    scene.event(scene.workspace("core"))
    found = scene.delivered(delivery)
    assert (found.status, str(found.why)) == (DeliveryStatus.PROCESSED, said)
    assert not Job.objects.exists()


def test_tags_and_releases(scene: Scene) -> None:
    core = scene.workspace("core")
    scene.event(core, event="TAG", branch="v.*")
    scene.event(core, event="RELEASE")
    scene.delivered(sent.hub_push(ref="refs/tags/v1"))
    scene.delivered(sent.hub("release", action="published", release={"tag_name": "v1"}))
    tag, release = Job.objects.order_by("pk")
    assert (tag.override_branch, tag.commit_id) == ("refs/tags/v1", SHA)
    assert (release.override_branch, release.commit_id) == ("refs/tags/v1", None)


# ---- a newer commit -------------------------------------------------------------------------------------------------


def plan_scene(scene: Scene) -> Workspace:
    core = scene.workspace("core")
    template = TemplateFactory.create(organization=scene.organization, name="Plan", tcl=PLAN)
    scene.event(core, template=template)
    return core


def test_a_newer_push_replaces_a_waiting_plan(scene: Scene) -> None:
    plan_scene(scene)
    scene.delivered(sent.hub_push("a.tf", commit=OLD))
    scene.delivered(sent.hub_push("a.tf", commit=SHA))
    old, new = Job.objects.order_by("pk")
    assert (old.status, new.status) == (JobStatus.CANCELLED, JobStatus.PENDING)
    assert str(old.why) == f"Replaced by job {new.pk}, which plans a newer commit of the branch"


def test_a_plan_that_has_begun_is_not_replaced(scene: Scene) -> None:
    plan_scene(scene)
    scene.delivered(sent.hub_push("a.tf", commit=OLD))
    transitions.advance(Job.objects.get().pk)
    scene.delivered(sent.hub_push("a.tf", commit=SHA))
    assert JobStatus.CANCELLED not in set(Job.objects.values_list("status", flat=True))


def test_another_branch_and_a_job_that_applies_are_not_replaced(scene: Scene) -> None:
    core = plan_scene(scene)
    core.webhook.events.update(branch=".*")
    scene.delivered(sent.hub_push("a.tf", commit=OLD, ref="refs/heads/dev"))
    scene.delivered(sent.hub_push("a.tf", commit=SHA))
    core.webhook.events.update(template=scene.template)
    scene.delivered(sent.hub_push("a.tf", commit=OTHER))
    scene.delivered(sent.hub_push("a.tf", commit="c" * 40))
    assert set(Job.objects.filter(plan_only=False).values_list("status", flat=True)) == {JobStatus.PENDING}
    assert Job.objects.filter(override_branch="dev").get().status == JobStatus.PENDING


def test_an_overtaken_push_starts_no_plan(scene: Scene) -> None:
    """Deliveries are handled side by side, and one may be tried again later than the next one."""
    plan_scene(scene)
    scene.send(sent.hub_push("a.tf", commit=OLD))
    older = Delivery.objects.get()
    scene.delivered(sent.hub_push("a.tf", commit=SHA))
    handling.handle_delivery(older.pk)
    assert outcomes(older)["core"] == ("overtaken", "A newer commit of main is already planned.")
    assert Job.objects.get().commit_id == SHA


def test_a_closed_pull_request_cancels_its_waiting_plans(scene: Scene) -> None:
    scene.event(scene.workspace("core"), event="PULL_REQUEST")
    scene.delivered(sent.hub_pull_request())
    delivery = scene.delivered(sent.hub_pull_request("closed"))
    job = Job.objects.get()
    assert (job.status, str(job.why)) == (JobStatus.CANCELLED, "Pull request 12 was closed")
    assert str(delivery.why) == "The pull request was closed; 1 waiting plans were cancelled."


# ---- rights ---------------------------------------------------------------------------------------------------------


def test_a_job_has_the_rights_of_who_saved_the_event(scene: Scene) -> None:
    event = scene.event(scene.workspace("core"))
    team = TeamFactory.create(organization=scene.organization, name="BUILDERS", role="write")
    user = User.objects.create(username="ann", email="ann@example.com")
    user.groups.add(Group.objects.get_or_create(name=team.name)[0])
    keep_actor(event, user)
    event.save()
    assert outcomes(scene.delivered(sent.hub_push("a.tf")))["core"][0] == "job"
    team.role = "plan"
    team.save()
    code, said = outcomes(scene.delivered(sent.hub_push("a.tf", commit=OTHER)))["core"]
    assert (code, "changes resources without an approval" in said) == ("refused", True)
    user.groups.clear()
    code, said = outcomes(scene.delivered(sent.hub_push("a.tf", commit="c" * 40)))["core"]
    assert (code, said.startswith("The event runs with the rights of ann@example.com")) == ("refused", True)


def test_one_refused_workspace_leaves_the_others(scene: Scene) -> None:
    for name in ("a", "b"):
        scene.event(scene.workspace(name))
    event = Workspace.objects.get(name="a").webhook.events.get()
    WebhookEvent.objects.filter(pk=event.pk).update(acts_for_site=False, acts_for_name="ghost")
    delivery = scene.delivered(sent.hub_push("a.tf"))
    assert [outcomes(delivery)[name][0] for name in ("a", "b")] == ["refused", "job"]
    assert str(delivery.why) == "1 jobs were started on 2 workspaces. 1 were refused."


# ---- tries, and what is kept ----------------------------------------------------------------------------------------


def test_a_failed_handling_is_tried_three_times(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.event(scene.workspace("core"))
    scene.send(sent.hub_push("a.tf"))
    delivery = Delivery.objects.get()

    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(handling, "start_jobs", broken)
        waits = []
        for _ in range(3):
            begun = timezone.now()
            handling.handle_delivery(delivery.pk)
            delivery.refresh_from_db()
            waits.append(delivery.next_try_at and round((delivery.next_try_at - begun).total_seconds() / 60))
            # Before it is due nothing happens.
            handling.handle_delivery(delivery.pk)
            Delivery.objects.filter(pk=delivery.pk).update(next_try_at=timezone.now())
    assert waits == [1, 5, None]
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.FAILED, 3)
    assert str(delivery.why) == "Processing failed 3 times; the site's log has the error."
    handling.handle_again(delivery)
    handling.handle_delivery(delivery.pk)
    assert outcomes(delivery)["core"][0] == "job"


def test_a_pull_request_on_many_workspaces_is_told_in_one_comment(scene: Scene) -> None:
    for number in range(11):
        scene.event(scene.workspace(f"w{number}"), event="PULL_REQUEST")
    scene.delivered(sent.hub_pull_request())
    assert Job.objects.count() == 11
    kinds = Report.objects.exclude(kind__in=["status", "combined"]).values_list("kind", flat=True)
    assert list(kinds) == ["summary"]


def test_a_repository_that_was_renamed_is_told_with_its_new_address(scene: Scene) -> None:
    scene.event(scene.workspace("core"))
    renamed = {"clone_url": "https://github.example/Acme/platform.git"}
    delivery = scene.delivered(sent.hub_push("a.tf", repository=renamed))
    assert str(delivery.why) == (
        "1 jobs were started on 1 workspaces. The repository was renamed or moved to "
        "https://github.example/acme/platform. Enter this address in its workspaces."
    )
    # A provider may call its host by another name.
    other_host = {"clone_url": "https://github.example/Acme/infra.git"}
    assert "renamed" not in str(scene.delivered(sent.hub_push("a.tf", commit=OTHER, repository=other_host)).why)


def test_a_delivery_whose_task_was_lost_is_found(scene: Scene) -> None:
    scene.send(sent.hub_push("a.tf"))
    delivery = Delivery.objects.get()
    now = timezone.now()
    assert handling.due_deliveries(now) == []
    assert handling.due_deliveries(now + handling.TASK_WAITS) == [delivery.pk]
    Delivery.objects.filter(pk=delivery.pk).update(status="PROCESSING", attempts=1, next_try_at=now + handling.LEASE)
    assert handling.due_deliveries(now) == []
    assert handling.due_deliveries(now + handling.LEASE) == [delivery.pk]


def test_deliveries_are_kept_for_seven_days(scene: Scene) -> None:
    scene.event(scene.workspace("core"))
    old, new = scene.delivered(sent.hub_push("a.tf")), scene.delivered(sent.hub_push("a.tf", commit=OTHER))
    Delivery.objects.filter(pk=old.pk).update(received_at=timezone.now() - dt.timedelta(days=8))
    assert retention.remove_old(at_most=100) is False
    assert [delivery.pk for delivery in Delivery.objects.all()] == [new.pk]
    assert DeliveryOutcome.objects.count() == 1
    # What was started stays known, so that an old delivery that is sent again starts nothing.
    assert outcomes(scene.delivered(sent.hub_push("a.tf")))["core"][0] == "again"


def test_a_deleted_job_is_not_started_again_by_its_commit(scene: Scene) -> None:
    scene.event(scene.workspace("core"))
    scene.delivered(sent.hub_push("a.tf"))
    job = Job.objects.get()
    cancel_job(job, by=None)
    job.refresh_from_db()
    job.delete()
    assert outcomes(scene.delivered(sent.hub_push("a.tf")))["core"] == (
        "again", "This commit already started a job, which was deleted."
    )  # fmt: skip
