"""What the pages of all records share: the way to them, their history, and how they are deleted."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from auditlog.registry import auditlog
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ
from django_q.signing import SignedPackage

from terrakube_site.templatetags.frame import why_no_history
from tests.factories import (
    PLAN,
    CollectionFactory,
    ItemFactory,
    TeamFactory,
    UserFactory,
    VariableFactory,
    WorkspaceFactory,
)
from tests.panel.forms import submit
from tests.support.markup import without_breaks
from workspaces.jobs import transitions
from workspaces.models import Cluster, Collection, Job, Step, Tag, Workspace
from workspaces.services.jobs import create_job
from workspaces.services.tokens import create_token

pytestmark = pytest.mark.django_db
SECRET = "p-8a3f91c2"


def way(client: Client, address: str) -> list[str]:
    """The parts of the way at the top of a page."""
    text = client.get(address).content.decode()
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.S)
    assert heading is not None
    return re.findall(r"<(?:a href=[^>]*|span class=\"tk-here[^\"]*\")>([^<]*)<", heading[1])


@pytest.fixture
def collection() -> Collection:
    return CollectionFactory.create(name="spot-nodes")


def test_a_page_says_where_it_is_by_the_sidebars_names(admin: Client, collection: Collection) -> None:
    assert way(admin, reverse("admin:auditlog_logentry_changelist")) == ["Changes"]
    assert way(admin, reverse("admin:workspaces_collection_add")) == ["Collections", "New"]
    parts = {
        name: reverse(f"admin:workspaces_collection_{name}", args=[collection.pk]) for name in ("change", "delete")
    }
    assert way(admin, parts["change"]) == ["Collections", "spot-nodes"]
    assert way(admin, parts["delete"]) == ["Collections", "spot-nodes", "Delete"]


def test_the_history_of_a_record_says_who_changed_which_field(admin: Client, collection: Collection) -> None:
    address = reverse("admin:workspaces_collection_change", args=[collection.pk])
    submit(admin, address, "collection_form", {"description": "Cheap nodes", "priority": "40"})
    text = admin.get(reverse("admin:workspaces_collection_history", args=[collection.pk])).content.decode()
    assert "Cheap nodes" in text
    assert "Priority" in text
    assert f"by {User.objects.get(is_superuser=True)}" in text


def test_the_history_hides_what_is_secret(admin: Client) -> None:
    variable = VariableFactory.create(key="password", value="before", sensitive=True)
    address = reverse("admin:workspaces_variable_change", args=[variable.pk])
    submit(admin, address, "variable_form", {"value": SECRET, "description": "rotated"})
    text = admin.get(reverse("admin:workspaces_variable_history", args=[variable.pk])).content.decode()
    assert "rotated" in text
    assert SECRET not in text


def test_the_history_of_what_one_does_not_see_is_not_there(
    collection: Collection, sign_in: Callable[..., Client]
) -> None:
    address = reverse("admin:workspaces_collection_history", args=[collection.pk])
    stranger = sign_in(WorkspaceFactory.create().organization, role="admin")
    assert stranger.get(address).status_code == 302
    reader = sign_in(collection.organization, role="read")
    assert "spot-nodes" in reader.get(address).content.decode()


def test_deleting_says_what_goes_with_a_record_and_what_is_only_hidden(
    admin: Client, collection: Collection, workspace: Workspace
) -> None:
    ItemFactory.create(collection=collection, key="TF_LOG")
    text = admin.get(reverse("admin:workspaces_collection_delete", args=[collection.pk])).content.decode()
    assert "This cannot be undone." in text
    assert "TF_LOG" in text
    text = admin.get(reverse("admin:workspaces_workspace_delete", args=[workspace.pk])).content.decode()
    assert "It is hidden" in text


def test_deleting_a_group_tells_nothing_of_the_rows_that_link_its_members(admin: Client) -> None:
    group = Group.objects.create(name="spot")
    UserFactory.create().groups.add(group)
    text = admin.get(reverse("admin:auth_group_delete", args=[group.pk])).content.decode()
    assert "Delete the group “spot”? This cannot be undone." in without_breaks(text)
    assert "object (" not in text
    assert "Also deleted" not in text


def test_the_history_of_a_user_has_the_words_of_its_page(admin: Client) -> None:
    user = UserFactory.create(is_staff=True)
    text = admin.get(reverse("admin:auth_user_history", args=[user.pk])).content.decode()
    assert "<td>Can use this panel</td>" in text
    assert "Staff status" not in text


def test_the_groups_of_a_token_are_words_in_its_history(admin: Client) -> None:
    user = UserFactory.create()
    user.groups.add(*(Group.objects.create(name=name) for name in ("BLUE", "RED")))
    kept, _text = create_token(by=user, description="ci")
    text = admin.get(reverse("admin:workspaces_accesstoken_history", args=[kept.pk])).content.decode()
    assert ">BLUE, RED</td>" in text


def test_a_queued_task_says_since_when_it_waits(admin: Client) -> None:
    queued = timezone.now() - dt.timedelta(minutes=9)
    task = {"id": "1", "name": "one", "func": "executors.tasks.launch_step", "args": (), "started": queued}
    # One that a worker took is locked until another may take it.
    for lock, said in ((queued, "Waiting for a worker"), (timezone.now() + dt.timedelta(hours=1), "Taken by a worker")):
        OrmQ.objects.all().delete()
        OrmQ.objects.create(key="terrakube", payload=SignedPackage.dumps(task), lock=lock)
        text = admin.get(reverse("admin:django_q_ormq_changelist")).content.decode()
        assert "9 min ago" in text
        assert said in text


@pytest.mark.parametrize("model", django_admin.site._registry, ids=lambda model: model._meta.model_name)
def test_a_kind_of_record_without_a_history_says_what_writes_it(model: type[Model]) -> None:
    assert bool(why_no_history(model._meta)) is not auditlog.contains(model)


def test_a_record_without_a_history_says_so_on_its_page(admin: Client, workspace: Workspace) -> None:
    job = create_job(workspace, by=None, tcl=PLAN)
    text = admin.get(reverse("admin:workspaces_job_history", args=[job.pk])).content.decode()
    assert "A job has no history of changes" in text


def test_changes_are_filtered_by_what_was_done(admin: Client, collection: Collection) -> None:
    address = reverse("admin:auditlog_logentry_changelist")
    shown = {action: admin.get(address, {"action": action}).content.decode() for action in ("0", "2")}
    assert {action for action, text in shown.items() if f">{collection}<" in text} == {"0"}


def test_an_empty_list_of_jobs_leads_to_where_jobs_are_started(admin: Client) -> None:
    text = admin.get(reverse("admin:workspaces_job_changelist")).content.decode()
    assert "Start jobs on the page of their workspace." in text
    card = without_breaks(text[text.index("tk-empty") :])
    assert f'<a href="{reverse("admin:workspaces_workspace_changelist")}" class="tk-button">Workspaces</a>' in card


def test_an_empty_list_says_what_it_is_for_and_one_that_was_searched_that_nothing_matches(admin: Client) -> None:
    address = reverse("admin:workspaces_schedule_changelist")
    assert "at set times" in admin.get(address).content.decode()
    assert "No results for this search" in admin.get(f"{address}?q=nothing").content.decode()


def test_a_team_is_listed_with_what_its_role_lets_its_members_do(admin: Client) -> None:
    TeamFactory.create(role="plan")
    text = admin.get(reverse("admin:workspaces_team_changelist")).content.decode()
    assert "Plan jobs" in text
    assert "Approve jobs" not in text.split("<tbody")[1]


def test_deleting_marked_records_says_how_many_of_which_kind(admin: Client, workspace: Workspace) -> None:
    tags = [Tag.objects.create(organization=workspace.organization, name=name) for name in ("eu", "us")]
    address = reverse("admin:workspaces_tag_changelist")
    for count, title in ((2, "Delete 2 tags"), (1, "Delete 1 tag")):
        marked = {"action": "delete_selected", "_selected_action": [str(tag.pk) for tag in tags[:count]]}
        page = admin.post(address, marked).content.decode()
        assert title in page
        assert "multiple objects" not in page
    first = {"action": "delete_selected", "_selected_action": [str(tags[0].pk)], "post": "yes"}
    assert admin.post(address, first).status_code == 302
    assert list(Tag.objects.all()) == tags[1:]


def test_a_secret_that_a_new_record_does_not_have_was_not_set(admin: Client) -> None:
    for name, kubeconfig, said in (("own", "", False), ("far", "a: b", True)):
        cluster = Cluster.objects.create(name=name, namespace="jobs", kubeconfig=kubeconfig)
        text = admin.get(reverse("admin:workspaces_cluster_history", args=[cluster.pk])).content.decode()
        assert "Namespace" in text
        assert ("Kubeconfig" in text, "set, not shown" in text) == (said, said)


def launched(workspace: Workspace) -> tuple[Job, Step]:
    job = create_job(workspace, by=None, tcl=PLAN)
    transitions.advance(job.pk)
    return job, job.steps.get()


def failed(function: str, key: object) -> None:
    now = timezone.now()
    Failure.objects.create(
        id=f"{Failure.objects.count():032}", name="task", func=function, args=(key,), started=now, stopped=now,
        result="OperationalError: no answer", success=False,
    )  # fmt: skip


def test_a_failed_task_names_what_it_is_about_and_leads_there(
    admin: Client, workspace: Workspace, django_assert_num_queries: Callable[..., AbstractContextManager[object]]
) -> None:
    job, step = launched(workspace)
    failed("executors.tasks.launch_step", str(step.pk))
    failed("executors.tasks.advance_workspace", str(workspace.pk))
    failed("executors.tasks.advance_job", job.pk + 1000)
    address = reverse("admin:django_q_failure_changelist")
    text = without_breaks(admin.get(address).content.decode())
    page = reverse("admin:workspaces_job_change", args=[job.pk])
    assert f'<a href="{page}">{job}, {step}</a>' in text
    assert workspace.name in text
    assert str(workspace.pk) not in re.sub(r'href="[^"]*"', "", text)
    assert str(job.pk + 1000) in text, "what is no longer there keeps its key"
    with CaptureQueriesContext(connection) as few:
        admin.get(address)
    for _ in range(5):
        failed("executors.tasks.launch_step", str(launched(WorkspaceFactory.create())[1].pk))
    with django_assert_num_queries(len(few)):
        admin.get(address)
    first = Failure.objects.earliest("id")
    assert page in admin.get(reverse("admin:django_q_failure_change", args=[first.pk])).content.decode()


def test_the_pages_of_a_password_say_in_plain_words_what_to_enter(admin: Client) -> None:
    user = UserFactory.create(is_staff=True)
    own = reverse("admin:password_change")
    for address in (own, reverse("admin:auth_user_password_change", args=[user.pk]), reverse("admin:auth_user_add")):
        text = admin.get(address).content.decode()
        assert "Enter the same password again." in text
        assert "for verification" not in text
    text = admin.post(own, {"old_password": "wrong"}).content.decode()
    assert "Enter your old password, then the new one twice." in text
    assert "Enter the same password again." in text
