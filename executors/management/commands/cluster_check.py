"""Check everything that the installation needs to run steps, and print a table of results and fixes."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from executors.doctor import report, runs


class Command(BaseCommand):
    help = (
        "Check rights, namespace, secrets, image, a real probe pod, clocks, queue, storage and keys. Ends with 1 when "
        "something failed; what is only optional or not known does not count."
    )
    # What they would find is a part of the table.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")
        parser.add_argument("--no-pod", action="store_true", help="start no probe pod")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = list(runs.check_now(pod=not options["no_pod"]))
        if options["json"]:
            self.stdout.write(json.dumps(report.as_document(findings), indent=2))
        else:
            self.stdout.write(report.as_text(findings))
        if not report.is_healthy(findings):
            sys.exit(1)
