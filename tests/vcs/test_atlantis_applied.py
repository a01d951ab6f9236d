"""``convert_atlantis --apply``: the records that it creates, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.factories import OrganizationFactory
from tests.vcs.test_atlantis import WHOLE
from vcs.atlantis.conversion import BY_COMMENT_ALONE
from workspaces.choices import IacType, PatternType, VcsStatus, VcsType, WebhookEventType
from workspaces.models import Organization, Vcs, Webhook, Workspace
from workspaces.services.organizations import add_default_templates

pytestmark = pytest.mark.django_db
SOURCE = "https://github.com/acme/infra.git"
type Convert = Callable[..., list[str]]


@pytest.fixture
def organization() -> Organization:
    made = OrganizationFactory.create(name="acme")
    add_default_templates(made, by=None)
    Vcs.objects.create(organization=made, name="ours", vcs_type=VcsType.GITHUB, status=VcsStatus.COMPLETED)
    return made


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    """Run the command on the file of the tests, and return its lines about records."""
    path = tmp_path / "atlantis.yaml"
    path.write_text(WHOLE)

    def run(*options: str) -> list[str]:
        output = StringIO()
        call_command("convert_atlantis", str(path), *options, stdout=output)
        return [line for line in output.getvalue().splitlines() if line.startswith("acme ha")]

    return run


def test_workspaces_with_webhooks_are_created(organization: Organization, convert: Convert) -> None:
    assert convert("--apply", "acme", "--vcs", "ours", "--source", SOURCE) == [
        "acme has the template Atlantis careful now.",
        "acme has the workspace network now.",
        "acme has the workspace envs-test-blue now.",
        "acme has the workspace root now.",
    ]
    network, test, root = (
        Workspace.objects.get(organization=organization, name=name) for name in ("network", "envs-test-blue", "root")
    )
    assert (network.source, network.branch, network.folder) == (SOURCE, "main", "/envs/prod/network")
    assert (network.terraform_version, network.vcs, network.iac_type) == (
        "1.9.8",
        organization.vcs.get(),
        IacType.TERRAFORM,
    )
    (event,) = network.webhook.events.all()
    assert (event.event, event.branch, event.path_type) == (
        WebhookEventType.PULL_REQUEST,
        "",
        PatternType.PATTERN,
    )
    assert event.path.split(",")[:2] == ["envs/prod/network/*.tf", "modules/**/*.tf"]
    assert event.pr_workflow_enabled
    assert event.pr_apply_enabled
    rules = network.pull_request_rules
    assert (rules.require_approved, rules.require_mergeable, rules.require_up_to_date) == (True, True, False)

    assert test.webhook.events.get().template.name == "Atlantis careful"
    assert {one.key: one.value for one in test.variables.all()} == {
        "STAGE": "test",
        "TF_CLI_ARGS_plan": "-var-file=blue.tfvars",
    }
    assert not hasattr(test, "pull_request_rules"), "the usual requirements need no record"
    assert root.webhook.events.get().path == BY_COMMENT_ALONE


def test_a_second_run_leaves_all_as_it_is(organization: Organization, convert: Convert) -> None:
    options = ("--apply", "acme", "--vcs", "ours", "--source", SOURCE)
    convert(*options)
    Workspace.objects.filter(name="network").update(branch="trunk")
    assert convert(*options) == [
        f"acme had the {name} already; it stays as it is."
        for name in ("template Atlantis careful", "workspace network", "workspace envs-test-blue", "workspace root")
    ]
    assert Workspace.objects.get(name="network").branch == "trunk"
    assert Webhook.objects.count() == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--apply", "acme"), "takes --vcs and --source"),
        (("--apply", "other", "--vcs", "ours", "--source", SOURCE), "no organization other"),
        (("--apply", "acme", "--vcs", "theirs", "--source", SOURCE), "no connection theirs"),
        (("--apply", "acme", "--vcs", "ours", "--source", "ext::sh"), "Nothing was changed"),
    ],
    ids=["half", "organization", "connection", "source"],
)
def test_what_cannot_be_created_changes_nothing(
    organization: Organization, convert: Convert, options: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        convert(*options)
    assert not Workspace.objects.filter(organization=organization).exists()
    assert not organization.templates.filter(name="Atlantis careful").exists()


def test_a_missing_template_is_named(organization: Organization, convert: Convert) -> None:
    organization.templates.all().delete()
    with pytest.raises(CommandError, match="add_default_templates"):
        convert("--apply", "acme", "--vcs", "ours", "--source", SOURCE)
