"""Print the list of all environment variables: ``manage.py settings``."""

from typing import Any

from django.core.management.base import BaseCommand

from executors.installation.reference import reference


class Command(BaseCommand):
    help = "Print every environment variable of an installation, as docs/settings.md has it."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(reference(), ending="")
