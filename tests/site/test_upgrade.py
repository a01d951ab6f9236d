"""A database of the version before is brought up to date, and every record in it is still there and says the same.

Each change of the schema takes as long as a hundred other tests, and most of all one that begins at the newest. So all
of these share one way up and one way back, in one worker, of a database that is empty at first, and come in this order:
it gets the records of the version before, then those of a version between, is brought up to date, looked at, and goes
back over the version between.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.apps import apps as current
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import override
from pytest_django import DjangoDbBlocker

from workspaces.actors import TokenUser
from workspaces.migrations import _sentences_of_before
from workspaces.models.history import kept_change, kept_name
from workspaces.permissions import may_approve, rights
from workspaces.reasons import in_language

pytestmark = pytest.mark.xdist_group("upgrade")
_DJANGO = [("contenttypes", "0002_remove_content_type_name"), ("auth", "0012_alter_user_first_name_max_length")]
BEFORE = [*_DJANGO, ("workspaces", "0012_interruption_of_steps"), ("executors", "0007_last_launches")]
DECIDED = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
TCL = """
flow:
  - {type: terraformPlan, step: 100}
  - {type: approval, step: 150}
  - {type: terraformApply, step: 200}
"""


def migrate(targets: list[tuple[str, str]]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(targets)
    return MigrationExecutor(connection).loader.project_state(targets).apps


def newest() -> list[tuple[str, str]]:
    return list(MigrationExecutor(connection).loader.graph.leaf_nodes())


# Its name is what tells pytest-django that a test needs the test database: it sets up none in a run that needs none.
@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A database of these tests' own in the place of the test database, without a transaction and without a table."""
    tests = connections["default"]
    own = connections.create_connection("default")
    name = "file:upgrade?mode=memory&cache=shared"
    with django_db_blocker.unblock():
        if tests.vendor == "postgresql":
            name = f"{tests.settings_dict['NAME']}_upgrade"
            _manage(tests, "DROP DATABASE IF EXISTS", name)
            _manage(tests, "CREATE DATABASE", name)
        own.settings_dict = {**own.settings_dict, "NAME": name}
        connections["default"] = own
        ContentType.objects.clear_cache()
        try:
            assert connection.introspection.table_names() == []
            yield
        finally:
            # Django keeps a database in memory until the process ends.
            BaseDatabaseWrapper.close(own)
            connections["default"] = tests
            ContentType.objects.clear_cache()
            if tests.vendor == "postgresql":
                _manage(tests, "DROP DATABASE", name)


def _manage(tests: BaseDatabaseWrapper, command: str, name: str) -> None:
    with tests.cursor() as cursor:
        cursor.execute(f"{command} {tests.ops.quote_name(name)}")


@dataclass(frozen=True)
class Upgraded:
    """What was made before the upgrade: primary keys by name, and how many records each model had.

    ``was`` counts for the models of the version before, with what the version between added.
    """

    made: dict[str, Any]
    was: dict[str, int]


@pytest.fixture(scope="module")
def upgraded(db: None) -> Upgraded:
    """A database of the version before with a record of each kind, brought up to date over a version between."""
    old = migrate(BEFORE)
    made = fill(old)
    was = counts(old)
    between = migrate(LANDED)
    kept = counts(between)
    assert {label: kept[label] for label in was} == was
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sentences_of_before, "BATCH", 3)
        say_sentences(between)
        more = counts(between)
        migrate(newest())
    return Upgraded(made, {label: more[label] for label in was})


def fill(old: Any) -> dict[str, Any]:
    """One record at least of each kind that the migrations touch."""
    user = old.get_model("auth", "User").objects.create(username="ann", email="ann@example.org")
    twins = [old.get_model("auth", "User").objects.create(username=name, email="two@example.org") for name in "ab"]
    organization = old.get_model("workspaces", "Organization").objects.create(name="acme")
    team = old.get_model("workspaces", "Team")
    team.objects.create(organization=organization, name="writers", role="write", manage_job=False)
    team.objects.create(organization=organization, name="flags", plan_job=True, manage_state=True)
    workspace = old.get_model("workspaces", "Workspace").objects.create(organization=organization, name="net")
    old.get_model("workspaces", "Access").objects.create(workspace=workspace, name="guests", role="plan")
    template = old.get_model("workspaces", "Template").objects.create(organization=organization, name="T", tcl=TCL)
    job = old.get_model("workspaces", "Job").objects.create(
        organization=organization, workspace=workspace, template=template, tcl=TCL, status="completed",
        created_by="ann@example.org", reason="The plan has no changes", reason_code="no-changes",
    )  # fmt: skip
    step = old.get_model("workspaces", "Step")
    for number, kind in ((100, "terraformPlan"), (150, "approval"), (200, "terraformApply")):
        step.objects.create(job=job, step_number=number, name=kind, type=kind, status="completed", ended_at=DECIDED)
    step.objects.filter(step_number=150).update(decision="approved", decided_by="bob", reason="Looks right")
    plan = old.get_model("workspaces", "SavedPlan").objects.create(step=step.objects.get(step_number=100), content=b"P")
    state = old.get_model("workspaces", "StateVersion").objects.create(
        workspace=workspace, job=job, number=1, serial=4, lineage="l-1", md5="m", content=b"{}"
    )
    variable = old.get_model("workspaces", "Variable").objects.create(
        workspace=workspace, key="K", value="a secret", sensitive=True, category="ENV"
    )
    schedule = old.get_model("workspaces", "Schedule")
    for who in ("ann@example.org", "two@example.org", "writers (Team Token)", "Internal"):
        schedule.objects.create(
            workspace=workspace, template=template, cron="0 0 3 * * ?", created_by=who, updated_by=who
        )
    token = old.get_model("workspaces", "AccessToken")
    for who in ("ann@example.org", "two@example.org"):
        token.objects.create(name=who, email=who, created_by=who, updated_by=who)
    attempt = old.get_model("executors", "Attempt").objects.create(
        step=step.objects.get(step_number=200), number=1, executor="local", job_name=f"job-{job.pk}-200-1",
        created_at=DECIDED, not_before=DECIDED, state="ended", outcome="succeeded", log_size=5,
    )  # fmt: skip
    old.get_model("executors", "LogChunk").objects.create(attempt=attempt, offset=0, size=5, data=b"hello")
    return {"job": job.pk, "plan": plan.pk, "state": state.pk, "variable": variable.pk, "user": user.pk, "twins": twins}


def counts(models: Any) -> dict[str, int]:
    found = {}
    for label in ("workspaces", "executors", "auth"):
        for model in models.get_app_config(label).get_models():
            if label != "auth" or model.__name__ == "User":
                found[model._meta.label] = model._base_manager.count()
    return found


class TestFromTheVersionBefore:
    def test_every_record_of_the_version_before_is_kept(self, upgraded: Upgraded) -> None:
        made, was = upgraded.made, upgraded.was
        now = counts(current)
        assert {label: now[label] for label in was} == was
        workspaces = {name: current.get_model("workspaces", name)._base_manager for name in (
            "Job", "Step", "SavedPlan", "StateVersion", "Variable", "Schedule", "AccessToken", "Organization",
            "Workspace",
        )}  # fmt: skip
        job = workspaces["Job"].get(pk=made["job"])
        assert (job.status, job.reason, job.reason_code) == ("completed", "The plan has no changes", "no-changes")
        assert (job.approved_by, job.approved_date) == ("bob", DECIDED)
        approval = workspaces["Step"].get(job=job, step_number=150)
        assert (approval.decision, approval.decided_by, approval.decided_date, approval.comment) == (
            "approved", "bob", DECIDED, "Looks right",
        )  # fmt: skip
        assert bytes(workspaces["SavedPlan"].get(pk=made["plan"]).content) == b"P"
        state = workspaces["StateVersion"].get(pk=made["state"])
        assert (bytes(state.content), state.serial, state.lineage) == (b"{}", 4, "l-1")
        assert workspaces["Variable"].get(pk=made["variable"]).value == "a secret"
        chunk: Any = current.get_model("executors", "LogChunk")._base_manager.get()
        assert (bytes(chunk.data), chunk.attempt.log_size, chunk.attempt.outcome) == (b"hello", 5, "succeeded")

    def test_tokens_and_schedules_find_whose_they_are_and_guess_nobody(self, upgraded: Upgraded) -> None:
        made = upgraded.made
        tokens = current.get_model("workspaces", "AccessToken")._base_manager
        assert {one.created_by: one.user_id for one in tokens.all()} == {
            "ann@example.org": made["user"],
            "two@example.org": None,
        }
        made_before = current.get_model("workspaces", "Schedule")._base_manager.filter(workspace__name="net")
        schedules = {one.created_by: one for one in made_before}
        assert schedules["ann@example.org"].acts_for_user_id == made["user"]
        assert schedules["two@example.org"].acts_for_user_id is None
        assert schedules["writers (Team Token)"].acts_for_team == "writers"
        assert schedules["Internal"].acts_for_site

    def test_roles_and_flags_of_before_mean_what_they_say(self, upgraded: Upgraded) -> None:
        made = upgraded.made
        organization = current.get_model("workspaces", "Organization")._base_manager.get(name="acme")
        workspace = current.get_model("workspaces", "Workspace")._base_manager.get(name="net")

        def held(group: str) -> Any:
            return rights(TokenUser(name=group, groups=frozenset({group})), organization, workspace)

        writer, flags, guest = held("writers"), held("flags"), held("guests")
        assert (writer.plan_job, writer.approve_job, writer.manage_state, writer.manage_template) == (
            True,
            True,
            True,
            False,
        )
        assert (flags.plan_job, flags.approve_job, flags.manage_state) == (True, False, True)
        assert (guest.plan_job, guest.approve_job, guest.manage_workspace) == (True, False, False)
        job = current.get_model("workspaces", "Job")._base_manager.get(pk=made["job"])
        assert may_approve(TokenUser(name="w", groups=frozenset({"writers"})), job)

    def test_workspaces_of_before_are_in_no_project_and_may_be_put_in_one(self, upgraded: Upgraded) -> None:
        workspaces: Any = current.get_model("workspaces", "Workspace")._base_manager
        assert [one.project for one in workspaces.all()] == [None, None]
        workspace = workspaces.get(name="net")
        projects = current.get_model("workspaces", "Project")._base_manager
        workspace.project = projects.create(organization=workspace.organization, name="networks")
        workspace.save()
        assert workspaces.filter(project__name="networks").count() == 1


# ---- reasons --------------------------------------------------------------------------------------------------------

LANDED = [
    *_DJANGO,
    ("workspaces", "0020_approvals_and_makers_of_schedules"),
    ("executors", "0007_last_launches"),
    ("auditlog", "0017_add_actor_email"),
]
TOLD = "told"
"""The workspace of the sentences."""
SAID = [
    # Code and sentence as the version before stored them; the sentence in German, None: as it was told.
    ("no-changes", "The plan has no changes", "Der Plan hat keine Änderungen"),
    ("scheduling", "Waits for a node", "Wartet auf einen Node"),
    ("rejected", "Rejected by ana: too dear. Later", "Abgelehnt von ana: too dear. Later"),
    ("", "Approved by bob", "Freigegeben von bob"),
    (
        "unschedulable",
        "Plan: No node takes the pod: 0/3 nodes: a. Compare the workspace's node selector, tolerations and requests "
        "with the nodes (tried 3 times)",
        "Plan: Kein Node nimmt den Pod: 0/3 nodes: a. ",
    ),
    ("terraform-failed", "Plan: Error: {x} %(y)s Waits for a node", None),
    ("pod-deleted", "Apply: Somebody deleted the pod", None),
    ("made-up", "An executor's own words", None),
]


TEXTS = [
    # What the version before stored as a sentence alone, and how a page says it in German.
    ("The state is locked by ana@laptop (apply)", "Der State ist gesperrt von ana@laptop (apply)"),
    ("What an older executor said", "What an older executor said"),
    (
        "You may not start a job in acme: none of your teams there has the right plan_job.",
        "Das dürfen Sie in acme nicht: einen Job starten. Keines Ihrer Teams dort hat das Recht „Jobs planen“.",
    ),
    (
        "those of the 2 newest jobs of the workspace are kept",
        "Nur die der 2 neuesten Jobs des Workspace werden aufbewahrt",
    ),
    ("net has prod", "net hat prod"),
    ("version 1, serial 7", "Version 1, Serial 7"),
    ("by hand", "by hand"),
]


def texts_of_before(old: Any, workspace: Any) -> None:
    refused, told, schedule, trimmed, name, *changed = (text for text, _ in TEXTS)
    for serial, text in enumerate((refused, told)):
        old.get_model("workspaces", "RecoveredState").objects.create(
            workspace=workspace, serial=serial, lineage=str(serial), md5="m", size=2, content=b"{}", why=text
        )
    old.get_model("workspaces", "Schedule").objects.create(workspace=workspace, cron="0 3 * * *", refusal=schedule)
    old.get_model("workspaces", "Job").objects.filter(workspace=workspace).update(
        trimmed_at=DECIDED, trimmed_why=trimmed
    )
    kinds = old.get_model("contenttypes", "ContentType").objects
    for model, what, changes in (("workspacetag", name, None), ("workspace", "net", {"state": changed})):
        kind, _ = kinds.get_or_create(app_label="workspaces", model=model)
        old.get_model("auditlog", "LogEntry").objects.create(
            content_type=kind, object_pk="1", object_repr=what, action=1, changes=changes, timestamp=DECIDED
        )


def texts_of_now() -> Iterator[str]:
    records = {
        name: current.get_model("workspaces", name)._base_manager for name in ("RecoveredState", "Schedule", "Job")
    }
    with override("de"):
        for state in records["RecoveredState"].order_by("serial"):
            yield in_language(state.refusal)
        yield in_language(records["Schedule"].get(workspace__name=TOLD).why_refused)
        yield in_language(records["Job"].filter(trimmed_at__isnull=False)[0].why_trimmed)
        name, change = LogEntry.objects.filter(timestamp=DECIDED).order_by("pk")
        yield kept_name(name)
        yield from kept_change(change, "state") or ()


def reasons_of(records: Any) -> list[tuple[str, str, str]]:
    found = []
    for row in records:
        with override("de"):
            german = in_language(row.why)
        found.append((row.reason_code, str(row.why), german))
    return found


def say_sentences(landed: Any) -> None:
    """Jobs, steps and attempts whose reasons are sentences, as a version between stored them."""
    organization = landed.get_model("workspaces", "Organization").objects.create(name="sentences")
    workspace = landed.get_model("workspaces", "Workspace").objects.create(organization=organization, name=TOLD)
    for number, (code, text, _) in enumerate(SAID):
        job = landed.get_model("workspaces", "Job").objects.create(
            organization=organization, workspace=workspace, status="failed", reason_code=code, reason=text
        )
        step = landed.get_model("workspaces", "Step").objects.create(
            job=job, step_number=number, name="Plan", type="terraformPlan", status="failed", reason_code=code,
            reason=text,
        )  # fmt: skip
        attempt = landed.get_model("executors", "Attempt").objects.create(
            step=step, number=1, executor="local", created_at=DECIDED, not_before=DECIDED, state="ended",
            reason_code=code, reason=text, leaving_code=code, leaving_reason=text,
        )  # fmt: skip
        landed.get_model("executors", "AttemptEvent").objects.create(
            attempt=attempt, kind="waiting", detail=text, at=DECIDED
        )
    texts_of_before(landed, workspace)


class TestFromSentences:
    @pytest.mark.usefixtures("german", "upgraded")
    def test_jobs_steps_and_attempts_of_before_say_what_they_said(self) -> None:
        assert list(texts_of_now()) == [german for _, german in TEXTS]
        attempts = current.get_model("executors", "Attempt")._base_manager.filter(step__job__workspace__name=TOLD)
        for records in (
            current.get_model("workspaces", "Job")._base_manager.filter(workspace__name=TOLD),
            current.get_model("workspaces", "Step")._base_manager.filter(job__workspace__name=TOLD),
            attempts,
        ):
            shown = {text: (code, german) for code, text, german in reasons_of(records.order_by("pk"))}
            for code, text, german in SAID:
                assert shown[text][0] == code
                assert shown[text][1].startswith(german or text), text
        assert attempts.count() == len(SAID)
        for attempt in attempts:
            assert attempt.leaving is None or str(attempt.leaving) == attempt.reason
            assert [str(event.why) for event in attempt.events.all()] == [attempt.reason]


# ---- the way back ---------------------------------------------------------------------------------------------------


class TestTheWayBack:
    """In this order, with what the tests before these changed."""

    @pytest.mark.usefixtures("upgraded")
    def test_reasons_are_sentences_again(self) -> None:
        old = migrate(LANDED)
        jobs = old.get_model("workspaces", "Job")._base_manager.filter(workspace__name=TOLD)
        kept = jobs.values_list("reason_code", "reason")
        assert sorted(kept) == sorted((code, text) for code, text, _ in SAID)

    def test_every_record_is_kept(self, upgraded: Upgraded) -> None:
        old = migrate(BEFORE)
        assert counts(old) == upgraded.was
        workspaces = old.get_model("workspaces", "Workspace")._base_manager
        assert [row.name for row in workspaces.order_by("name")] == ["net", TOLD]
