"""Preflight of one workspace: every check in turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from django.core.exceptions import ValidationError

from executors.preflight import pods
from executors.preflight.configuration import check_configuration, tool_of
from executors.preflight.findings import Finding, Report, finding, report
from executors.preflight.here import Here, this_machine
from executors.preflight.source import source_of
from executors.preflight.subject import Subject, stored_subject
from executors.preflight.variables import check_declared, check_variables
from workspaces.flows.runtimes import check_flow
from workspaces.models import Template, Workspace


def preflight(workspace: Workspace, *, mirrors: tuple[Path, ...] = ()) -> Report:
    """Return what would meet a stored workspace; ``mirrors`` are copies of the providers in its pods' image."""
    subject = stored_subject(workspace)
    found = [*check_subject(subject, mirrors=mirrors), *check_templates(workspace.organization.templates.all())]
    if subject.in_pods:
        found += pods.ask_cluster(subject)
    return report(workspace.organization.name, workspace.name, found)


def check_subject(subject: Subject, *, mirrors: tuple[Path, ...] = ()) -> Iterator[Finding]:
    """Check a workspace's own texts, its variables, its pod's settings and its source."""
    workspace = subject.workspace
    for field, why in workspace.refused_texts().items():
        yield finding("input-refused", field, why=why)
    if pods.is_ssh(workspace.source) and subject.access is not None and not subject.access.uses_key:
        yield finding("ssh-without-key", "ssh")
    here = _here(subject, mirrors)
    yield from check_variables(subject, here)
    if subject.in_pods:
        yield from pods.check_settings(subject)
    if subject.lost_access:
        yield finding("source-unreachable", why=subject.lost_access.rstrip("."))
    if subject.access is None:
        return
    with source_of(workspace, subject.access) as source:
        if source.problem is not None:
            yield source.problem
        else:
            yield from check_configuration(workspace, source, here, foreign_registry=subject.foreign_registry)
            yield from check_declared(subject, source)


def check_templates(templates: Iterable[Template]) -> Iterator[Finding]:
    """Check the flows of an organization's templates by the rules of a save."""
    for template in templates:
        try:
            check_flow(template.tcl or "")
        except ValidationError as error:
            yield finding("flow-refused", template.name, why=" ".join(error.messages))


def _here(subject: Subject, mirrors: tuple[Path, ...]) -> Here:
    if subject.in_pods:
        return pods.here(subject, mirrors)
    return this_machine(tool_of(subject.workspace))
