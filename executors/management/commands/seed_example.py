"""Create the example organization and workspace, and an administrator, if they do not exist."""

from __future__ import annotations

import io
import json
import secrets
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from terrakube_site.commands import PagelessCommand
from workspaces.choices import Category, IacType
from workspaces.models import Organization, Template, Workspace
from workspaces.pods.catalogue import ENABLE
from workspaces.services import organizations, sources, workspaces
from workspaces.services.saving import save_valid

ORGANIZATION, WORKSPACE, TEMPLATE = "example", "hello", "Plan, approve, apply"
_VERSION_IN_PODS = "1.11.4"
_EXAMPLES: Path = settings.BASE_DIR / "examples"


def _tool(*, ephemeral: bool) -> tuple[IacType, str]:
    """The tool at hand and its version: terraform, else tofu; where steps run in pods, one that these have or get."""
    for kind, command in ((IacType.TERRAFORM, "terraform"), (IacType.TOFU, "tofu")):
        path = shutil.which(command)
        if path is not None:
            answer = subprocess.run([path, "version", "-json"], capture_output=True, check=True, text=True)
            return kind, str(json.loads(answer.stdout)["terraform_version"])
    if ephemeral:
        return IacType.TERRAFORM, _VERSION_IN_PODS
    raise CommandError("Neither terraform nor tofu is on PATH; the example needs one of them.")


def _archive(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in sorted(folder.rglob("*.tf")):
            archive.add(path, arcname=str(path.relative_to(folder)))
    return buffer.getvalue()


class Command(PagelessCommand):
    help = "Make the example organization and workspace and an administrator; prints what was made as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", default="admin", help="name of the administrator (default: admin)")
        parser.add_argument("--new-password", action="store_true", help="give an administrator who is there a new one")
        parser.add_argument("--ephemeral", action="store_true", help="run the workspace's steps in the cluster")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        password = self._administrator(options["user"], renew=options["new_password"])
        organization = Organization.objects.filter(name=ORGANIZATION).first()
        if organization is None:
            organization = organizations.create_organization(
                by=None, name=ORGANIZATION, description="What a first look finds"
            )
        template = Template.objects.filter(organization=organization, name=TEMPLATE).first()
        if template is None:
            text = (_EXAMPLES / "template.yaml").read_text(encoding="utf-8")
            template = save_valid(Template(organization=organization, name=TEMPLATE, tcl=text, version="1.0.0"))
        workspace = self._workspace(organization, template, ephemeral_executor=options["ephemeral"])
        self.stdout.write(
            json.dumps(
                {
                    "user": options["user"],
                    "password": password,
                    "organization": str(organization.pk),
                    "workspace": str(workspace.pk),
                    "template": str(template.pk),
                }
            )
        )

    def _administrator(self, name: str, *, renew: bool) -> str | None:
        """The password that was given to the administrator; None when they keep the one they had."""
        password = secrets.token_urlsafe(12)
        user = User.objects.filter(username=name).first()
        if user is None:
            User.objects.create_superuser(username=name, email=f"{name}@example.org", password=password)
            return password
        if not renew:
            return None
        user.set_password(password)
        user.save(update_fields=["password"])
        return password

    def _workspace(self, organization: Organization, template: Template, *, ephemeral_executor: bool) -> Workspace:
        tool, version = _tool(ephemeral=ephemeral_executor)
        workspace = organization.workspaces.filter(name=WORKSPACE).first()
        if workspace is None:
            workspace = workspaces.create_workspace(
                organization,
                by=None,
                name=WORKSPACE,
                description="Says hello without any provider from outside",
                source="empty",
                branch="remote-content",
                iac_type=tool,
                terraform_version=version,
                default_template=template,
            )
            upload = sources.create_configuration_version(workspace, by=None)
            sources.store_source(upload, _archive(_EXAMPLES / "hello"))
            for key, value, sensitive in (
                ("greeting", "Hello", False),
                ("names", '["world", "Kubernetes"]', False),
                ("password", secrets.token_urlsafe(18), True),
            ):
                workspaces.set_variable(
                    workspace, by=None, key=key, value=value, category=Category.TERRAFORM, sensitive=sensitive
                )
        workspaces.set_variable(
            workspace,
            by=None,
            key=ENABLE,
            value="1" if ephemeral_executor else "0",
            category=Category.ENV,
            description="Whether each step runs in a Kubernetes Job of its own",
        )
        return workspace
