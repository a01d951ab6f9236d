"""Print the Kubernetes Job that a workspace's step would get."""

from __future__ import annotations

from typing import Any

import yaml
from django.core.management.base import CommandError, CommandParser

from executors.cluster import ClusterError
from executors.preview.expected_job import expected_job
from terrakube_site.commands import PagelessCommand
from workspaces.choices import StepType
from workspaces.models import Workspace
from workspaces.pods import EphemeralSyntaxErrors

_IN_A_POD = [kind.value for kind in StepType if kind not in {StepType.DISABLE_WORKSPACE, StepType.SCHEDULE_TEMPLATES}]


class Command(PagelessCommand):
    help = "Print the Kubernetes Job (YAML) that would be created for a step of a workspace. Nothing is created."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", metavar="ORGANIZATION/WORKSPACE")
        parser.add_argument("--type", choices=_IN_A_POD, default=StepType.PLAN.value, help="type of the step")
        parser.add_argument(
            "--ask-cluster", action="store_true", help="look up in the cluster what depends on it (rights, claims)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        organization, _, name = options["workspace"].partition("/")
        workspace = Workspace.objects.alive().filter(organization__name=organization, name=name).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']}; expected is ORGANIZATION/WORKSPACE.")
        try:
            job = expected_job(workspace, StepType(options["type"]), ask_cluster=options["ask_cluster"])
        except (EphemeralSyntaxErrors, ClusterError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(yaml.safe_dump(job, sort_keys=False), ending="")
