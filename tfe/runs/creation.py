"""``POST runs``: read what a terminal asks for, and start the job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfe.body import Body
from tfe.errors import Invalid
from tfe.lookup import workspace_of
from tfe.runs.configuration_versions import visible_version
from workspaces.actors import Actor
from workspaces.models import ConfigurationVersion, Job, Workspace
from workspaces.services.cli_runs import CliRun, start_run

_UNSUPPORTED: Mapping[str, str] = {
    "allow-config-generation": "This site does not generate configuration for imports.",
    "allow-empty-apply": "This site applies only plans with changes.",
    "debugging-mode": "Set TF_LOG as an environment variable of the workspace for more output.",
    "invoke-action-addrs": "This site does not invoke actions by their address.",
    "policy-paths": "This site evaluates no policies of the configuration.",
}
"""What would change the run and is not kept: it is refused, and never dropped."""


def create_run(actor: Actor, body: Body, *, at_terminal: bool = False) -> tuple[Job, dict[str, str]]:
    """Start the job of a run; return it with the variables that were sent. Raises Invalid and as ``start_run``.

    ``at_terminal``: terraform and tofu upload a source for each run, others may run one source often.
    """
    for name, sentence in _UNSUPPORTED.items():
        if body.attributes.get(name):
            raise Invalid(sentence, f"/data/attributes/{name}")
    version = _version(actor, body)
    workspace = _workspace(actor, body, version)
    asked = body.text("terraform-version")
    if asked and asked != workspace.terraform_version:
        sentence = f"The version is that of the workspace, {workspace.terraform_version}."
        raise Invalid(sentence, "/data/attributes/terraform-version")
    variables = _variables(body)
    run = CliRun(
        version=version,
        destroy=body.flag("is-destroy"),
        plan_only=body.flag("plan-only"),
        save_plan=body.flag("save-plan"),
        refresh=body.flag("refresh", True),
        refresh_only=body.flag("refresh-only"),
        auto_apply=None if body.attributes.get("auto-apply") is None else body.flag("auto-apply"),
        targets=tuple(body.texts("target-addrs")),
        replaces=tuple(body.texts("replace-addrs")),
        variables=variables,
        comment=body.text("message"),
        own_source=at_terminal,
    )
    return start_run(workspace, run, by=actor), variables


def _version(actor: Actor, body: Body) -> ConfigurationVersion | None:
    named = body.related("configuration-version")
    return None if named is None or not named.key else visible_version(actor, named.key)


def _workspace(actor: Actor, body: Body, version: ConfigurationVersion | None) -> Workspace:
    named = body.related("workspace")
    if named is None or not named.key:
        raise Invalid("A run names its workspace.", "/data/relationships/workspace")
    workspace = workspace_of(actor, named.key)
    if version is not None and version.workspace_id != workspace.pk:
        sentence = "The configuration version belongs to another workspace."
        raise Invalid(sentence, "/data/relationships/configuration-version")
    return workspace


def _variables(body: Body) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in body.objects("variables"):
        key, value = _text(one, "key"), _text(one, "value")
        if key in found:
            raise Invalid(f"The variable {key} is given twice.", "/data/attributes/variables")
        found[key] = value
    return found


def _text(one: Mapping[str, Any], name: str) -> str:
    value = one.get(name)
    if not isinstance(value, str):
        raise Invalid(f"Each of variables has a text as its {name}.", "/data/attributes/variables")
    return value
