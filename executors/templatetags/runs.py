"""Tags and filters of the pages of jobs: charts, what a plan would change, the lines of a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypedDict

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from executors.attempts.plan_file_list import PlanFileList
from executors.runs.charts import Bar
from executors.runs.results import Counts
from executors.runs.stuck import Stuck
from workspaces.choices import JobStatus
from workspaces.jobs.plans import Plan
from workspaces.models import Job
from workspaces.templatetags.panel import sentence

register = template.Library()


class HoursChart(TypedDict):
    bars: Sequence[Bar]
    label: str
    top: str


class PlanCounts(TypedDict):
    counts: Counts | Plan


class PlanFiles(TypedDict):
    files: PlanFileList | None
    is_open: bool


class StuckTable(TypedDict):
    stuck: Sequence[Stuck]
    total: int


class ManifestLine(Protocol):
    """One line of YAML, with the variable that sets it and who set that."""

    @property
    def text(self) -> str: ...
    @property
    def setting(self) -> str: ...
    @property
    def origin(self) -> str: ...


@register.inclusion_tag("terrakube/hours_chart.html")
def hours_chart(bars: Sequence[Bar], label: str, top: str) -> HoursChart:
    """Draw a bar for each of the last 24 hours; ``top`` is the value of the highest."""
    return {"bars": bars, "label": label, "top": top}


@register.inclusion_tag("terrakube/plan_counts.html")
def plan_counts(counts: Counts | Plan) -> PlanCounts:
    """Show how many resources a plan would add, change, destroy and forget."""
    return {"counts": counts}


@register.inclusion_tag("terrakube/plan_files.html")
def plan_files(files: PlanFileList | None, job: Job) -> PlanFiles:
    """List the files that a plan made, opened while the job waits for approval."""
    return {"files": files, "is_open": job.status == JobStatus.WAITING_APPROVAL}


@register.inclusion_tag("terrakube/stuck_table.html")
def stuck_table(stuck: Sequence[Stuck], total: int) -> StuckTable:
    """List jobs that do not move; ``total`` is how many there are in all."""
    return {"stuck": stuck, "total": total}


@register.filter
def manifest_lines(lines: Iterable[ManifestLine]) -> SafeString:
    """Return the lines for the text of a <pre>, each with its origin beside it."""
    return format_html_join("", '<span class="tk-yaml-line"{}>{}</span>\n', ((_origin(one), one.text) for one in lines))


def _origin(line: ManifestLine) -> SafeString:
    if not line.origin:
        return SafeString("")
    return format_html(' data-origin="{}" title="{}"', sentence(line.origin), line.setting)
