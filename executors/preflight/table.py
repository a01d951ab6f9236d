"""The codes of preflight: how serious each is, its sentence, and its cure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext_noop as _

from workspaces.variables.notices import NO_DYNAMIC_CREDENTIALS


class Severity(StrEnum):
    """``error`` ends a job, ``warning`` makes it mean something else, ``note`` is good to know."""

    ERROR = _("error")
    WARNING = _("warning")
    NOTE = _("note")


@dataclass(frozen=True, slots=True)
class Row:
    """What the table says of a code."""

    severity: Severity
    sentence: str
    cure: str


_CHANGE_VARIABLE = _("Change the variable's value.")
_SOURCE: Mapping[str, Row] = {
    "input-refused": Row(Severity.ERROR, _("This value would be refused today: {why}"), _("Change it.")),
    "source-missing": Row(
        Severity.ERROR, _("The workspace has no source."), _("Give a repository, or upload a configuration.")
    ),
    "source-unreachable": Row(
        Severity.ERROR,
        _("The repository cannot be fetched: {why}."),
        _("Check the URL and the workspace's VCS connection or SSH key."),
    ),
    "source-unchecked": Row(
        Severity.NOTE,
        _("The source was not read: {why}."),
        _("Allow this site to reach the host (TERRAKUBE_OUTGOING_ALLOWED), or try a plan."),
    ),
    "ref-missing": Row(
        Severity.ERROR,
        _('The repository has no branch, tag or commit "{ref}".'),
        _("Push it, or change Branch of the workspace."),
    ),
    "folder-missing": Row(
        Severity.ERROR, _('The source has no folder "{folder}".'), _("Change Path in the repository.")
    ),
    "no-configuration": Row(
        Severity.ERROR,
        _("The folder holds no file that {tool} reads."),
        _("Change Path in the repository, or add a configuration."),
    ),
    "ssh-without-key": Row(
        Severity.ERROR,
        _("The URL uses ssh, but the workspace has no SSH key."),
        _("Choose an SSH key for the workspace, or an https URL."),
    ),
    "module-without-key": Row(
        Severity.WARNING,
        _('The module "{module}" uses ssh, but the workspace has no SSH key for modules.'),
        _("Choose a module SSH key for the workspace."),
    ),
}
_CONFIGURATION: Mapping[str, Row] = {
    "override-file": Row(
        Severity.NOTE,
        _("An override file changes blocks of other files in every run."),
        _("Remove it from the repository if it is meant for one machine."),
    ),
    "override-last": Row(
        Severity.ERROR,
        _("This override file sorts last, so the site cannot configure its backend."),
        _("Rename the file."),
    ),
    "state-block": Row(
        Severity.WARNING,
        _("{block} has no effect: this site keeps the state."),
        _("Remove the block; import its state with manage.py import_state before the first job."),
    ),
    "state-in-source": Row(
        Severity.ERROR,
        _("The source contains a state."),
        _("Import it with manage.py import_state if it is in use, and remove the file."),
    ),
    "tool-version": Row(
        Severity.ERROR,
        _("required_version is {constraint}, but the workspace has {tool} {version}."),
        _("Change the version of the workspace, or required_version."),
    ),
}
_PROVIDERS: Mapping[str, Row] = {
    "lock-outdated": Row(
        Severity.ERROR,
        _("The lock file has {provider} {version}, but {constraint} is required."),
        _("Run {tool} init -upgrade and commit the lock file."),
    ),
    "lock-platform": Row(
        Severity.ERROR,
        _("The lock file has no checksum of {provider} {version} for {platform} that matches the mirror."),
        _("Run {tool} providers lock -platform={platform} and commit the lock file."),
    ),
    "lock-not-mirror": Row(
        Severity.WARNING,
        _("The checksums of {provider} {version} in the lock file differ from the mirror, so the registry is used."),
        _("Run {tool} providers lock -platform={platform} and commit the lock file."),
    ),
    "lock-one-platform": Row(
        Severity.WARNING,
        _("The lock file has {provider} {version} for one other platform only; steps run on {platform}."),
        _("Run {tool} providers lock -platform={platform} and commit the lock file."),
    ),
    "not-in-mirror": Row(
        Severity.WARNING,
        _("{provider} {wanted} is not in the mirror, which has {versions} for {platform}."),
        _("Add the version to the mirror, or make sure that executors reach the registry."),
    ),
}
_VARIABLES: Mapping[str, Row] = {
    "moves-state": Row(Severity.ERROR, "{why}", _("Delete the variable, or remove the argument from it.")),
    "value-refused": Row(Severity.ERROR, "{why}", _CHANGE_VARIABLE),
    "value-missing": Row(
        Severity.ERROR, _("The variable is sensitive and has no value, so jobs are refused."), _("Enter the value.")
    ),
    "value-lost": Row(
        Severity.ERROR,
        _("The value cannot be read, because its encryption key was lost, so no step starts."),
        _("Enter the value again, or give the installation that key again."),
    ),
    "policy-refused": Row(Severity.ERROR, "{why}", _("Change the value, or ask an administrator to change the rule.")),
    "settings-contradict": Row(Severity.ERROR, "{why}", _("Change one of the settings.")),
    "undeclared-variable": Row(
        Severity.WARNING,
        _("The configuration declares no such variable, so it is not passed."),
        _("Declare it in the root module, or delete it."),
    ),
    "missing-variable": Row(
        Severity.ERROR,
        _('The variable "{name}" has no default and no value.'),
        _("Add a Terraform variable of this name to the workspace."),
    ),
    "file-missing": Row(
        Severity.WARNING,
        _("The variable names {path}, which is used only if it exists."),
        _("Add the file to the image, or mount it with EPHEMERAL_CONFIG_MAP_NAME."),
    ),
    "dynamic-credentials": Row(
        Severity.WARNING,
        NO_DYNAMIC_CREDENTIALS,
        _("Give the pod a service account with the cloud's workload identity, or set static credentials."),
    ),
}
_PLACES: Mapping[str, Row] = {
    "flow-refused": Row(
        Severity.ERROR, _("No job can be started with the template: {why}"), _("Change the template's flow.")
    ),
    "ssh-user": Row(
        Severity.ERROR,
        _("The pod runs as user {user}, which has no name in Terrakube's image, so ssh refuses to run."),
        _("Remove runAsUser from EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT, or use https."),
    ),
    "no-cluster": Row(
        Severity.ERROR,
        _("Steps run in pods, but the cluster does not answer: {why}"),
        _("Run manage.py cluster_check, or set TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR to off."),
    ),
    "pod-refused": Row(Severity.ERROR, _("The cluster refuses the Job: {why}"), _("Change the setting that it names.")),
    "object-missing": Row(
        Severity.ERROR,
        _('The pod needs the {kind} "{name}", which the cluster does not have.'),
        _("Create it, or change the setting that names it."),
    ),
}
_MIGRATION: Mapping[str, Row] = {
    "not-readable": Row(
        Severity.WARNING,
        _("Terrakube does not return {what}: {why}."),
        _("Use the token of a member of its administrators' group."),
    ),
    "credentials-untold": Row(
        Severity.NOTE,
        _('Terrakube returns no secret of "{name}", so the source was not read.'),
        _("Enter the token or key here; then run preflight on the workspace."),
    ),
    "value-untold": Row(
        Severity.NOTE, _("Terrakube does not return the value, because it is sensitive."), _("Enter the value here.")
    ),
    "agent-ignored": Row(
        Severity.WARNING,
        _("Steps ran on an agent there; here they run in pods or on this machine."),
        _("Make sure that executors reach what the agent reaches."),
    ),
    "not-here": Row(
        Severity.WARNING,
        _("This site does not support {what}; Terrakube has {count}."),
        _("Keep them elsewhere, or find another way before moving."),
    ),
    "registry-module": Row(
        Severity.ERROR,
        _('The module "{module}" comes from Terrakube\'s registry at {host}, which this site does not have.'),
        _("Point the source to the module's repository, or keep that registry running."),
    ),
}
TABLE: Mapping[str, Row] = {**_SOURCE, **_CONFIGURATION, **_PROVIDERS, **_VARIABLES, **_PLACES, **_MIGRATION}


def as_markdown() -> str:
    """Return the table for the documentation."""
    lines = ["| code | severity | finding | cure |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{code}` | {row.severity} | {row.sentence.replace('{why}', '…')} | {row.cure} |"
        for code, row in sorted(TABLE.items())
    ]
    return "\n".join(lines) + "\n"
