"""Create what an atlantis.yaml becomes, by the services that panel and REST call."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction

from vcs.atlantis.conversion import Conversion, WorkspacePlan
from vcs.models import PullRequestRules
from workspaces.choices import Category, PatternType, WebhookEventType
from workspaces.errors import InvalidInput
from workspaces.models import Organization, Template, Vcs, Webhook, WebhookEvent, Workspace
from workspaces.services.records import create_record
from workspaces.services.webhooks import create_event, create_webhook
from workspaces.services.workspaces import create_workspace, set_variable


@dataclass
class Created:
    """The names of what was created, and of what was there before and left as it was."""

    templates: list[str] = field(default_factory=list)
    workspaces: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def create_all(conversion: Conversion, organization: Organization, vcs: Vcs, source: str) -> Created:
    """Create templates and workspaces with their webhooks, all or nothing. Raises ServiceError.

    A template or workspace whose name the organization has already is kept as it is.
    """
    created = Created()
    with transaction.atomic():
        for name, flow in conversion.templates.items():
            if organization.templates.filter(name=name).exists():
                created.kept.append(f"template {name}")
                continue
            create_record(
                Template(
                    organization=organization,
                    name=name,
                    description="From a workflow of Atlantis",
                    version="1",
                    tcl=flow,
                ),
                by=None,
            )
            created.templates.append(name)
        names = {plan.template for plan in conversion.workspaces}
        templates = {one.name: one for one in organization.templates.filter(name__in=names)}
        if missing := sorted(names - templates.keys()):
            raise InvalidInput(
                f"{organization.name} has no template {', '.join(missing)}: manage.py add_default_templates adds it"
            )
        for plan in conversion.workspaces:
            if Workspace.objects.alive().filter(organization=organization, name=plan.name).exists():
                created.kept.append(f"workspace {plan.name}")
                continue
            _create_workspace(plan, organization, vcs, source, templates[plan.template])
            created.workspaces.append(plan.name)
    return created


def _create_workspace(
    plan: WorkspacePlan, organization: Organization, vcs: Vcs, source: str, template: Template
) -> None:
    workspace = create_workspace(
        organization,
        by=None,
        name=plan.name,
        source=source,
        vcs=vcs,
        branch=plan.branch,
        folder=f"/{plan.folder}",
        iac_type=plan.tool,
        terraform_version=plan.version,
        default_template=template,
    )
    for key, value in plan.variables.items():
        set_variable(workspace, by=None, key=key, value=value, category=Category.ENV)
    if plan.requirements is not None:
        PullRequestRules.objects.create(
            workspace=workspace,
            require_approved="approved" in plan.requirements,
            require_mergeable="mergeable" in plan.requirements,
            require_up_to_date="undiverged" in plan.requirements,
        )
    webhook = create_webhook(Webhook(workspace=workspace, migrated_v2=True), by=None)
    create_event(
        WebhookEvent(
            webhook=webhook,
            event=WebhookEventType.PULL_REQUEST,
            path=",".join(plan.paths),
            path_type=PatternType.PATTERN,
            template=template,
            pr_workflow_enabled=True,
            pr_apply_enabled=True,
        ),
        by=None,
    )
