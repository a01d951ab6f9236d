"""Records of the sample that no job makes: drift, notifications, what a provider delivered, a deleted workspace."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

from django.utils import timezone

from terrakube_site.messages import as_json, message
from vcs.choices import DeliveryStatus, EventKind
from vcs.models import (
    AccountLink,
    ConcernedWorkspace,
    Delivery,
    DeliveryOutcome,
    PullRequest,
    PullRequestRules,
    RepositoryHook,
)
from workspaces.choices import Category, DriftStatus, NotificationChannel, NotificationEvent, NotificationStatus
from workspaces.jobs.drift_findings import Deed
from workspaces.models import (
    Cluster,
    Drift,
    NotificationConfiguration,
    NotificationDelivery,
    Organization,
    PolicyRule,
    ProjectAccess,
    Vcs,
    Webhook,
    WebhookEvent,
)
from workspaces.services import notifications, projects, recovered_states, workspaces
from workspaces.services.policy import create_rule
from workspaces.services.records import create_record

if TYPE_CHECKING:
    from scripts.sample_data import Maker

REPOSITORY = "https://forge.example.org/platform/dns"
COMMIT = "6f1c2ab09d5e4b7f8a3c1d2e3f4a5b6c7d8e9f01"


def add_records(maker: Maker, platform: Organization, data: Organization) -> None:
    """Add the records; the workspaces of the sample and their jobs exist."""
    _project(maker, platform)
    _drift(maker)
    _notifications(maker, platform)
    _provider(maker, platform)
    _refused(maker, data)
    _states(maker)
    # Disabled, so that nothing asks it: there is none of this name.
    Cluster.objects.create(name="gpu", description="Nodes with GPUs", namespace="terrakube-gpu", enabled=False)
    scratch = maker.workspace(data, "scratch", "Was for a day", {"main.tf": ""})
    maker.sample.workspaces["deleted"] = workspaces.delete_workspace(scratch, by=maker.by)


def _project(maker: Maker, platform: Organization) -> None:
    project = projects.create_project(platform, by=maker.by, name="Backbone", description="What all teams stand on")
    workspaces.update_workspace(maker.sample.workspaces["network"], {"project": project}, by=maker.by)
    create_record(ProjectAccess(project=project, name="NETWORK_ONCALL", role="plan"), by=maker.by)


def _drift(maker: Maker) -> None:
    now, clusters = timezone.now(), maker.sample.workspaces["clusters"]
    Drift.objects.create(
        workspace=clusters,
        status=DriftStatus.DRIFTED,
        tried_at=now,
        checked_at=now,
        clean_at=now - dt.timedelta(days=2),
        drifted_since=now - dt.timedelta(hours=7),
        resources=[
            {"address": 'aws_security_group.nodes["workers"]', "action": str(Deed.CHANGED)},
            {"address": "aws_iam_role.autoscaler", "action": str(Deed.DELETED)},
        ],
        resource_count=2,
    )
    Drift.objects.create(
        workspace=maker.sample.workspaces["network"],
        status=DriftStatus.CLEAN,
        tried_at=now,
        checked_at=now,
        clean_at=now,
    )


def _notifications(maker: Maker, platform: Organization) -> None:
    by = maker.by
    chat = NotificationConfiguration(
        organization=platform,
        name="On-call chat",
        channel_type=NotificationChannel.SLACK,
        destination_url="https://hooks.slack.com/services/T000/B000/not-a-real-one",
    )
    notifications.create_configuration(chat, by=by, events=["tokenEnding", "connectionEnding"])
    now = timezone.now()
    for minutes, event, status, problem in (
        (4, NotificationEvent.WAITING_APPROVAL, NotificationStatus.SENT, ""),
        (31, NotificationEvent.FAILED, NotificationStatus.FAILED, "The destination answered 410 Gone."),
    ):
        NotificationDelivery.objects.create(
            configuration=chat,
            organization=platform,
            workspace=maker.sample.workspaces["network"],
            job_number=maker.sample.jobs["applied"].pk,
            event=event,
            facts={"event": event, "organization": "platform", "workspace": "network"},
            status=status,
            tries=1,
            created_date=now - dt.timedelta(minutes=minutes),
            last_attempt_at=now - dt.timedelta(minutes=minutes),
            answer_status=410 if problem else 200,
            answer="" if problem else "ok",
            problem=problem,
        )


def _provider(maker: Maker, platform: Organization) -> None:
    """A workspace from git with its webhook, two deliveries and a pull request from a fork."""
    forge = Vcs.objects.get(organization=platform, name="forge")
    dns = workspaces.create_workspace(
        platform,
        by=maker.by,
        name="dns",
        description="Zones and records",
        source=REPOSITORY,
        branch="main",
        vcs=forge,
        iac_type=maker.tool,
        terraform_version=maker.version,
    )
    maker.sample.workspaces["dns"] = dns
    template = platform.templates.get(name="Plan")
    # Not by the service, whose task would ask a provider that is not there.
    webhook = Webhook.objects.create(workspace=dns, migrated_v2=True)
    rule = WebhookEvent.objects.create(webhook=webhook, template=template, branch="main")
    now = timezone.now()
    hook = RepositoryHook.objects.create(
        vcs=forge,
        repository_url=REPOSITORY,
        source=REPOSITORY,
        remote_hook_id="17",
        events=["push", "pull_request"],
        registered_at=now - dt.timedelta(days=3),
        last_delivery_at=now,
    )
    for number, kind, ref, title in (
        ("a1", EventKind.PUSH, "docs", "Describe the zones"),
        ("a2", EventKind.PULL_REQUEST, "more-zones", "Three more zones"),
    ):
        outcome = as_json(message("The branch {name} does not match {wanted}.", name=ref, wanted="main"))
        delivery = Delivery.objects.create(
            hook=hook,
            delivery_id=number,
            payload=b"{}",
            status=DeliveryStatus.PROCESSED,
            attempts=1,
            handled_at=now,
            kind=kind,
            ref=ref,
            commit=COMMIT,
            sender="linus",
            title=title,
            outcome=outcome,
        )
        DeliveryOutcome.objects.create(delivery=delivery, workspace=dns, code="branch", outcome=outcome)
    pull = PullRequest.objects.create(
        vcs=forge,
        repository=REPOSITORY.removeprefix("https://"),
        number=42,
        title="Three more zones",
        author="margaret",
        branch="more-zones",
        target_branch="main",
        commit=COMMIT,
    )
    ConcernedWorkspace.objects.create(pull_request=pull, workspace=dns, rule=rule)
    PullRequestRules.objects.create(workspace=dns, require_up_to_date=True)
    AccountLink.objects.create(vcs=forge, account="grace-hopper", user=maker.member)


def _refused(maker: Maker, data: Organization) -> None:
    """Give a workspace a setting, and forbid it afterwards."""
    sandbox = maker.sample.workspaces["sandbox"]
    for key, value in (("TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR", "1"), ("EPHEMERAL_CONFIG_SERVICE_ACCOUNT", "admin")):
        workspaces.set_variable(sandbox, by=maker.by, key=key, value=value, category=Category.ENV)
    rule = PolicyRule(
        organization=data,
        setting="EPHEMERAL_CONFIG_SERVICE_ACCOUNT",
        effect="forbidden",
        reason="The accounts of the cluster are the platform team's; ask them for a workspace there",
    )
    create_rule(rule, by=maker.by)


def _states(maker: Maker) -> None:
    network = maker.sample.workspaces["network"]
    state = {"version": 4, "terraform_version": "1.9.0", "serial": 9, "lineage": "5f2e", "outputs": {}, "resources": []}
    recovered_states.keep_recovered_state(
        network,
        json.dumps(state).encode(),
        job=maker.sample.jobs["applied"],
        why="The apply wrote a state after its job had ended.",
    )
