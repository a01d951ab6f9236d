"""Lists and records cost the same few queries however many records there are, and show all that are related."""

from __future__ import annotations

from typing import Any

from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from tests.api.client import Api
from tests.api.test_boundaries import elements
from tests.factories import (
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    ReferenceFactory,
    TeamFactory,
    TemplateFactory,
    VariableFactory,
    WorkspaceFactory,
)
from workspaces.api.jsonapi import registry
from workspaces.api.jsonapi.resource import Resource
from workspaces.models import (
    Access,
    Address,
    Agent,
    Cluster,
    Drift,
    Job,
    JobComment,
    NotificationConfiguration,
    NotificationTrigger,
    Project,
    ProjectAccess,
    Schedule,
    Ssh,
    StateVersion,
    Step,
    Tag,
    Vcs,
    Webhook,
    WebhookEvent,
    Workspace,
    WorkspaceTag,
)

# Who asks: the token, the organizations and the workspaces that it opens.
_ASKING = 3
_TOLD = ("completed", "rejected", "cancelled")


def crowd(everything: dict[str, Any]) -> None:
    """Three more records of each type beside those that are there."""
    organization, workspace, template = (everything[name] for name in ("organization", "workspace", "template"))
    job, collection = everything["job"], everything["collection"]
    for number in range(3):
        of_all = {"organization": organization, "name": f"more-{number}"}
        TeamFactory.create(**of_all)
        TemplateFactory.create(**of_all)
        GlobalVariableFactory.create(organization=organization)
        Vcs.objects.create(**of_all, vcs_type="GITHUB")
        Ssh.objects.create(**of_all, private_key="key")
        Agent.objects.create(**of_all)
        Cluster.objects.create(name=f"more-{number}", namespace=f"more-{number}")
        tag = Tag.objects.create(**of_all)
        other: Workspace = WorkspaceFactory.create(**of_all, project=everything["project"])
        Drift.objects.create(workspace=other)
        Job.objects.create(organization=organization, workspace=other, template=template)
        Job.objects.create(organization=organization, workspace=workspace, template=template)
        Step.objects.create(job=job, step_number=900 + number, name="more", type="customScripts")
        Address.objects.create(job=job, name=f"module.more[{number}]")
        JobComment.objects.create(job=job, text=f"more {number}", author="ann@example.org")
        VariableFactory.create(workspace=workspace)
        Access.objects.create(workspace=workspace, name=f"MORE_{number}")
        Project.objects.create(**of_all)
        ProjectAccess.objects.create(project=everything["project"], name=f"MORE_{number}")
        Schedule.objects.create(workspace=workspace, cron="0 0 20 ? * FRI", template=template)
        WorkspaceTag.objects.create(workspace=workspace, tag=tag)
        StateVersion.objects.create(workspace=workspace, number=100 + number, content=b"{}")
        WebhookEvent.objects.create(webhook=everything["webhook"], branch="more", template=template)
        WebhookEvent.objects.create(webhook=Webhook.objects.create(workspace=other), branch="more", template=template)
        notification = NotificationConfiguration.objects.create(**of_all, workspace=workspace, channel_type="SLACK")
        for row in (notification, everything["notification_configuration"]):
            NotificationTrigger.objects.create(configuration=row, job_status=_TOLD[number])
            row.templates.add(TemplateFactory.create(organization=organization))
        ItemFactory.create(collection=collection)
        ReferenceFactory.create(collection=collection, workspace=other)
        ReferenceFactory.create(workspace=workspace, collection=CollectionFactory.create(organization=organization))


def queries(api: Api, path: str) -> tuple[int, int]:
    """How many queries an answer takes, and how many records it has."""
    with CaptureQueriesContext(connection) as captured:
        found = api.read(path)["data"]
    return len(captured), len(found) if isinstance(found, list) else 1


def reader_of(resource: Resource, owner: Api, admin: Api) -> Api:
    """Who reads records of a type: clusters are the installation's."""
    return admin if resource.type == "cluster" else owner


def related(resource: Resource) -> int:
    return sum(1 for found in resource.relationships.values() if found.many and found.type)


def test_every_list_and_record_takes_the_same_few_queries(
    everything: dict[str, models.Model], owner: Api, admin: Api
) -> None:
    asked: list[tuple[str, int]] = []
    readers: dict[str, Api] = {}
    for path, resource in elements(everything):
        above = path.count("/") // 2
        for one in (path, path.rpartition("/")[0]):
            asked.append((one, _ASKING + above + 1 + related(resource)))
            readers[one] = reader_of(resource, owner, admin)
    few = {path: queries(readers[path], path) for path, _ in asked}
    crowd(everything)
    grown = 0
    for path, most in asked:
        taken, shown = queries(readers[path], path)
        assert taken == few[path][0], path
        assert taken <= most, path
        grown += shown > few[path][1]
    # All lists have become longer but that of the organizations and what a record has one of.
    lists = {path for path, _ in asked if path.count("/") % 2 == 0}
    assert grown >= len(lists) - 5


def test_included_records_take_one_query_for_each_relationship(everything: dict[str, models.Model], owner: Api) -> None:
    path = f"organization/{everything['organization'].pk}/workspace?include=variable,job.step,schedule,history"
    few, _ = queries(owner, path)
    crowd(everything)
    assert queries(owner, path)[0] == few


def test_a_record_names_all_that_is_related_in_the_order_of_the_lists(
    everything: dict[str, models.Model], owner: Api, admin: Api
) -> None:
    crowd(everything)
    for path, resource in elements(everything):
        found = reader_of(resource, owner, admin).read(path)["data"].get("relationships", {})
        for name, relationship in resource.relationships.items():
            if not relationship.many:
                continue
            links = owner.read(f"{path}/relationships/{name}")["data"]
            assert found[name]["data"] == links, (path, name)
            if relationship.single:
                listed = owner.read(f"{path}/{name}")["data"]
                assert links == {"type": listed["type"], "id": listed["id"]}, (path, name)
                continue
            if not relationship.type:
                assert links == []
                continue
            listed = owner.read(f"{path}/{name}")["data"]
            ordered = bool(registry.get(relationship.type).model._meta.ordering)
            keys = [[row["id"] for row in rows] for rows in (links, listed)]
            assert keys[0] == keys[1] if ordered else sorted(keys[0]) == sorted(keys[1]), (path, name)
            assert {row["type"] for row in links} <= {relationship.type}


def test_a_narrowed_list_reads_only_what_it_shows(everything: dict[str, models.Model], owner: Api) -> None:
    path = f"organization/{everything['organization'].pk}/workspace?fields[workspace]=name,vcs"
    with CaptureQueriesContext(connection) as captured:
        (row,) = owner.read(path)["data"]
    assert row["attributes"] == {"name": "core"}
    assert row["relationships"] == {"vcs": {"data": None}}
    assert "terraform_version" not in captured[-1]["sql"]
