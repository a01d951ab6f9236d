"""Organizations, workspaces and jobs of the soak."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Iterator

from workspaces.choices import Category
from workspaces.models import Job, RunLimits, Workspace
from workspaces.pods.catalogue import ENABLE
from workspaces.services.jobs import create_job
from workspaces.services.organizations import create_organization
from workspaces.services.sources import upload_source
from workspaces.services.workspaces import create_workspace, set_variable

OWN_LIMIT = 3
OTHER_SHAPE = {"EPHEMERAL_CPU_REQUEST": "20m"}
"""What every other workspace with pods asks for, so that warm pods of two manifests are needed."""


def _source() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("main.tf")
        archive.addfile(entry, io.BytesIO())
    return buffer.getvalue()


def make_workspaces(count: int, *, organizations: int, on_cluster: int, seed: int) -> list[Workspace]:
    """Workspaces spread over organizations, the first ``on_cluster`` of them with pods.

    Every third organization may have few steps at once, every fourth has twice the share.
    """
    owners = []
    for number in range(organizations):
        owner = create_organization(by=None, name=f"soak-{number}")
        limits = {"running_steps": OWN_LIMIT if number % 3 == 0 else None, "share": 2 if number % 4 == 0 else None}
        if any(limits.values()):
            RunLimits.objects.create(organization=owner, **limits)
        owners.append(owner)
    source, found = _source(), []
    for number in range(count):
        made = create_workspace(
            owners[number % organizations],
            by=None,
            name=f"soak-{number}",
            source="empty",
            branch="remote-content",
            terraform_version="1.11.4",
        )
        upload_source(made, source, by=None)
        if number < on_cluster:
            for key, value in {ENABLE: "true", **(OTHER_SHAPE if number % 2 else {})}.items():
                set_variable(made, by=None, key=key, value=value, category=Category.ENV)
        found.append(made)
    random.Random(seed).shuffle(found)  # noqa: S311 - a repeatable order, no secret
    return found


def flow(kind: int, bell: tuple[str, int], seconds: float) -> str:
    """One of three flows: one step, two steps, two with an approval that is given by itself."""
    # What rings is the step, by a channel that the site knows nothing of: when its commands begin and end, and where.
    begun, done = (
        f'echo {word} "$stepId" "$workspaceId" "$HOSTNAME" >/dev/tcp/{bell[0]}/{bell[1]}' for word in ("begun", "done")
    )
    lines = "; ".join(f"echo line {number}; sleep {seconds / 5:.2f}" for number in range(5))
    script = f"[{{runtime: BASH, priority: 1, before: true, script: '{begun}; {lines}; {done}'}}]"
    step = "  - {{type: customScripts, name: Run, step: {number}, commands: {script}}}\n"
    steps = step.format(number=100, script=script)
    if kind == 2:
        steps += "  - {type: approval, name: Approve, step: 150}\n"
    if kind:
        steps += step.format(number=200, script=script)
    return f"flow:\n{steps}"


def make_jobs(workspaces: list[Workspace], count: int, bell: tuple[str, int], seconds: float) -> Iterator[Job]:
    """So many jobs, workspace by workspace in turn."""
    for number in range(count):
        yield create_job(
            workspaces[number % len(workspaces)],
            by=None,
            tcl=flow(number % 3, bell, seconds),
            auto_apply=True,
            priority=number % 2,
        )
