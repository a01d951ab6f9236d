"""Clusters for chosen organizations: enforced wherever one is named, and at the launch."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from executors.choices import AttemptState
from executors.cluster import ClusterError, NoCluster
from executors.clusters.records import save_cluster
from executors.installation.settings import Installation
from executors.launching import launcher
from executors.models import Attempt
from executors.preview.expected_job import place_of_steps
from tests.clusters.conftest import Launch
from tests.factories import (
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    OrganizationFactory,
    UserFactory,
    VariableFactory,
    WorkspaceFactory,
)
from tests.panel.forms import submit
from tests.warm.conftest import MemoryCluster
from workspaces.actors import TokenUser
from workspaces.choices import Category
from workspaces.errors import InvalidInput
from workspaces.models import Cluster, Job, Organization, PolicyRule, Team
from workspaces.models.policy import policies_of, policy_of
from workspaces.pods.catalogue import CLUSTER, ENABLE
from workspaces.services.bulk import set_on_workspaces
from workspaces.services.workspaces import set_variable

pytestmark = pytest.mark.django_db
WORDS = r'"east" is not allowed by the built-in rules; allowed: default\.'


@pytest.fixture
def theirs(east: Cluster, conf: Installation, admin: TokenUser) -> Organization:
    """The one organization that may use the cluster east."""
    chosen = OrganizationFactory.create()
    save_cluster(east, changed=(), conf=conf, by=admin, organizations=[chosen])
    return chosen


def test_each_place_of_a_setting_takes_the_clusters_of_its_organization(theirs: Organization) -> None:
    other = OrganizationFactory.create()
    for name in (CLUSTER, f"{CLUSTER}_APPLY"):
        said = {"key": name, "value": "east", "category": Category.ENV}
        for make in (
            lambda organization, said=said: VariableFactory.build(
                workspace=WorkspaceFactory.create(organization=organization), **said
            ),
            lambda organization, said=said: GlobalVariableFactory.build(organization=organization, **said),
            lambda organization, said=said: ItemFactory.build(
                collection=CollectionFactory.create(organization=organization), **said
            ),
        ):
            make(theirs).full_clean()
            with pytest.raises(ValidationError, match=WORDS):
                make(other).full_clean()


def test_a_change_of_many_workspaces_is_refused_where_the_organization_may_not(theirs: Organization) -> None:
    chosen = [WorkspaceFactory.create(organization=theirs), WorkspaceFactory.create()]
    own, other = set_on_workspaces(chosen, CLUSTER, "east", by=None)
    assert not own.refused
    assert "allowed: default." in other.refused


def test_a_rule_names_a_cluster_for_all_of_its_organizations(theirs: Organization) -> None:
    PolicyRule(organization=theirs, setting=CLUSTER, effect="locked", value="east").full_clean()
    for organization in (OrganizationFactory.create(), None):
        with pytest.raises(ValidationError, match=WORDS):
            PolicyRule(organization=organization, setting=CLUSTER, effect="locked", value="east").full_clean()


def test_policies_of_several_organizations_differ(theirs: Organization) -> None:
    other = OrganizationFactory.create()
    found = policies_of([theirs.pk, other.pk])
    assert not found[theirs.pk].objections(CLUSTER, "east")
    assert found[other.pk].objections(CLUSTER, "east")
    assert policy_of(None).objections(CLUSTER, "east")


def test_a_cluster_without_its_last_organization_is_for_none(
    theirs: Organization, east: Cluster, conf: Installation, admin: TokenUser
) -> None:
    other = WorkspaceFactory.create()
    theirs.delete()
    with pytest.raises(InvalidInput, match=WORDS):
        set_variable(other, by=None, key=CLUSTER, value="east", category=Category.ENV)
    east = Cluster.objects.get()
    save_cluster(east, changed=(), conf=conf, by=admin, organizations=[])
    set_variable(other, by=None, key=CLUSTER, value="east", category=Category.ENV)


def test_a_launch_that_waits_is_refused_once_the_organization_may_not_use_its_cluster(
    there: MemoryCluster, launch: Launch, east: Cluster, conf: Installation, admin: TokenUser
) -> None:
    there.fail["create_job"] = ClusterError("later", status=500)
    attempt = launch("east")
    chosen = OrganizationFactory.create()
    save_cluster(east, changed=(), conf=conf, by=admin, organizations=[chosen])
    there.fail.clear()
    Attempt.objects.filter(pk=attempt.pk).update(not_before=timezone.now())
    set_variable(attempt.step.job.workspace, by=None, key=CLUSTER, value="default", category=Category.ENV)
    launcher.launch_due_attempt(attempt.step_id)
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.ENDED
    assert 'This organization may not use the cluster "east"' in Job.objects.get(steps=attempt.step).reason
    assert not there.jobs


def test_the_page_of_a_cluster_chooses_organizations(client: Client, east: Cluster) -> None:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    chosen = OrganizationFactory.create()
    address = reverse("admin:workspaces_cluster_change", args=[east.pk])
    answer = submit(client, address, "cluster_form", {"organizations": [str(chosen.pk)]})
    assert answer.status_code == 302
    found = Cluster.objects.get()
    assert found.restricted
    assert list(found.organizations.all()) == [chosen]
    assert submit(client, address, "cluster_form", {"organizations": None}).status_code == 302
    assert not Cluster.objects.get().restricted
    # What is no key at all is said in the form.
    answer = submit(client, address, "cluster_form", {"organizations": ["nonsense"]})
    assert answer.status_code == 200
    assert "nonsense" in answer.text


def test_saving_something_else_opens_a_cluster_of_none_to_nobody(
    client: Client, theirs: Organization, east: Cluster
) -> None:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    address = reverse("admin:workspaces_cluster_change", args=[east.pk])
    theirs.delete()
    assert "No organization may use it" in client.get(address).text
    answer = submit(client, address, "cluster_form", {"organizations": None, "description": "changed"})
    assert answer.status_code == 302
    found = Cluster.objects.get()
    assert (found.description, found.restricted) == ("changed", True)


def test_the_first_page_names_a_cluster_to_who_sees_an_organization_of_it(client: Client, theirs: Organization) -> None:
    other = OrganizationFactory.create()
    for organization, group in ((theirs, "theirs"), (other, "others")):
        Team.objects.create(organization=organization, name=group)

    for group, is_administrator, is_named in (("theirs", False, True), ("others", False, False), ("", True, True)):
        user = UserFactory.create(is_staff=True, is_superuser=is_administrator)
        user.groups.add(Group.objects.create(name=group))
        client.force_login(user)
        health = client.get(reverse("admin:index")).context["health"]
        assert any("east" in part.name for part in health) is is_named, group


def test_a_cluster_is_not_asked_for_an_organization_that_may_not_use_it(
    client: Client, there: MemoryCluster, east: Cluster, conf: Installation, admin: TokenUser
) -> None:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    workspace = WorkspaceFactory.create()
    for name, value in ((ENABLE, "1"), (CLUSTER, "east")):
        set_variable(workspace, by=None, key=name, value=value, category=Category.ENV)
    address = reverse("admin:workspaces_workspace_preview", args=[workspace.pk])
    assert place_of_steps(workspace).name == "east"
    assert east.namespace in {one.value for one in client.get(address).context["origins"]}
    save_cluster(east, changed=(), conf=conf, by=admin, organizations=[OrganizationFactory.create()])
    with pytest.raises(NoCluster, match="may not use"):
        place_of_steps(workspace)
    assert east.namespace not in {one.value for one in client.get(address).context["origins"]}
    answer = client.post(address).context["answer"]
    assert (answer.accepted, answer.text) == (False, 'This organization may not use the cluster "east".')


def test_the_policies_of_many_organizations_ask_for_clusters_once(
    theirs: Organization, east: Cluster, conf: Installation, admin: TokenUser
) -> None:
    others = [OrganizationFactory.create() for _ in range(3)]
    Cluster.objects.create(name="west", namespace="steps-west")
    found = policies_of([theirs.pk, *(other.pk for other in others)])
    with CaptureQueriesContext(connection) as queries:
        allowed = {key: not policy.objections(CLUSTER, "east") for key, policy in found.items()}
        assert not any(policy.objections(CLUSTER, "west") for policy in found.values())
    assert allowed == {theirs.pk: True, **{other.pk: False for other in others}}
    assert len(queries) == 1
