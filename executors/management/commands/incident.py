"""Print the bundle of an attempt for a report: what was seen and decided, without secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from executors.incidents.bundle import incident_bundle
from executors.installation.settings import installation
from executors.models import Attempt
from terrakube_site.commands import PagelessCommand


class Command(PagelessCommand):
    help = (
        "Print an attempt as a bundle (JSON): timeline, what the watcher saw and decided, settings that are not "
        "sensitive. It holds no secret, log, state or variable, so it can be sent with a report."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job", type=int, help="number of the job")
        parser.add_argument("--step", type=int, help="number of the step; the last one that was launched if not given")
        parser.add_argument("--attempt", type=int, help="number of the attempt; the last one if not given")
        parser.add_argument("--output", type=Path, help="file to write, rather than standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        found = Attempt.objects.filter(step__job=options["job"]).select_related("step__job__workspace")
        if options["step"] is not None:
            found = found.filter(step__step_number=options["step"])
        if options["attempt"] is not None:
            found = found.filter(number=options["attempt"])
        attempt = found.order_by("-step__step_number", "-number").first()
        if attempt is None:
            raise CommandError(f"Job {options['job']} has no such attempt.")
        text = json.dumps(incident_bundle(attempt, installation()), indent=1, sort_keys=True)
        if options["output"] is None:
            self.stdout.write(text)
            return
        options["output"].write_text(text + "\n", encoding="utf-8")
