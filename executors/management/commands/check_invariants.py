"""Check the invariants of records and cluster; read only, safe to run at any time."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from executors.installation.settings import installation
from executors.invariants import RECENT_DAYS, Finding
from executors.invariants.checking import check_invariants


class Command(BaseCommand):
    help = (
        "Check what must hold of jobs, steps, attempts, logs, states and the cluster. Reads only, and bears steps that "
        "are under way. Exit status: 0 when everything holds, 1 when something does not."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")
        parser.add_argument("--no-cluster", action="store_true", help="look at the database alone")
        parser.add_argument(
            "--shared-namespace",
            action="store_true",
            help="another site has Jobs in the same namespace: an unknown attempt is no mistake then",
        )
        parser.add_argument(
            "--waiting-minutes", type=float, default=5, help="after which a waiting job must say why (5)"
        )
        parser.add_argument(
            "--days", type=float, default=RECENT_DAYS, help=f"how far back logs and states are read ({RECENT_DAYS})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        findings = list(
            check_invariants(
                installation(),
                with_cluster=not options["no_cluster"],
                shared=options["shared_namespace"],
                waiting_minutes=options["waiting_minutes"],
                recent_days=options["days"],
            )
        )
        self.stdout.write(_as_json(findings) if options["json"] else _as_text(findings))
        if any(finding.violations for finding in findings):
            sys.exit(1)


def _as_json(findings: Sequence[Finding]) -> str:
    rows = [
        {
            "name": finding.name,
            "sentence": finding.sentence,
            "result": "left out" if finding.left_out else "violated" if finding.violations else "holds",
            "leftOut": finding.left_out or None,
            "seconds": round(finding.seconds, 3),
            "violations": [{"row": one.row, "detail": one.detail} for one in finding.violations],
        }
        for finding in findings
    ]
    return json.dumps(
        {"violations": sum(len(finding.violations) for finding in findings), "invariants": rows}, indent=2
    )


def _as_text(findings: Sequence[Finding]) -> str:
    lines = []
    for finding in findings:
        mark = "left out" if finding.left_out else "VIOLATED" if finding.violations else "holds"
        lines.append(f"{mark:9} {finding.name}: {finding.left_out or finding.sentence}")
        lines += [f"          - {one.row}: {one.detail}" for one in finding.violations]
    count = sum(len(finding.violations) for finding in findings)
    lines.append("Everything holds." if not count else f"{count} violations.")
    return "\n".join(lines)
