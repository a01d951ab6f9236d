"""Add the default templates that an organization lacks."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from terrakube_site.commands import PagelessCommand
from workspaces.models import Organization
from workspaces.services.organizations import add_default_templates


class Command(PagelessCommand):
    help = "Give an organization those of the default templates that it lacks, by name; what it has stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", metavar="ORGANIZATION", help="its name")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.alive().filter(name=options["organization"]).first()
        if organization is None:
            raise CommandError(f"There is no organization {options['organization']}.")
        before = set(organization.templates.values_list("name", flat=True))
        add_default_templates(organization, by=None)
        for name in organization.templates.exclude(name__in=before).values_list("name", flat=True):
            self.stdout.write(f"{organization.name} has the template {name} now.")
