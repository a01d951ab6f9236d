"""Resolve the value of each variable of a step: workspace, then organization, then collections.

The order and the additions are Terrakube's: a workspace's variable overrides the organization's, that overrides a
collection's, and of two collections the one with the higher priority wins. A flow with ``inputsEnv`` or
``inputsTerraform`` takes only what it maps, besides the workspace's own. To the variables that shape the pod, the
policies add their defaults and locks at the end, and report what they refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import Message, joined, message
from terrakube_site.terraform.hcl import texts_in
from workspaces.choices import Category
from workspaces.flows import FlowStep
from workspaces.models import GlobalVariable, Item, Job, Variable, Workspace
from workspaces.models.policy import policy_of
from workspaces.models.variable import AbstractVariable
from workspaces.pods import ALL_SETTINGS, for_step, step_ending
from workspaces.pods.catalogue import ENVIRONMENT, plain_name
from workspaces.pods.policy.rules import Policy, Refusal
from workspaces.variables.job_variables import JobVariables, VariableRow, read_variables

JOB = "job"
INSTALLATION = "installation"
WORKSPACE = "workspace"
ORGANIZATION = "organization"
_SHORTEST_SECRET = 4
_LOST = _(
    "These values cannot be read, because their encryption key was lost: {names}. Replace them, or give the "
    "installation that key again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A variable's value and its origin.

    ``origin`` is "workspace", "organization", "collection NAME", "installation", or the policy that sets it. ``hcl``
    makes the text of a Terraform variable an expression, whatever type its configuration declares. The text is empty
    where ``lost`` says that the value cannot be decrypted; such a value is for pages, and no step starts with it.
    """

    text: str
    sensitive: bool = False
    origin: str = WORKSPACE
    hcl: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs of a step: its environment and its Terraform variables."""

    environment: Mapping[str, Value] = field(default_factory=dict)
    terraform: Mapping[str, Value] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    ending: str | None = None
    """Ending of the settings of the step's type; None where the inputs are not those of one step."""

    def without_sensitive(self) -> Inputs:
        """Return these inputs without their sensitive values.

        Pod settings stay, which shape the pod and are not told to what runs in it: without them a step would run in
        another place than was set. Of these only the container's variables are values of their own.
        """
        environment = {
            key: value
            for key, value in self.environment.items()
            if not value.sensitive or (key in ALL_SETTINGS and plain_name(key) != ENVIRONMENT)
        }
        terraform = {key: value for key, value in self.terraform.items() if not value.sensitive}
        return replace(self, environment=environment, terraform=terraform)

    @property
    def refusals(self) -> list[Refusal]:
        """What the policies refuse in the environment; a step with refusals is not launched."""
        return self.policy.refusals(self.texts(Category.ENV), self.hidden, ending=self.ending)

    @property
    def lost(self) -> Message | None:
        """Return the sentence that names the values which cannot be decrypted; None if there are none.

        A step with such values is not launched: another value in their place could mean another infrastructure.
        """
        found = {**self.environment, **self.terraform}
        names = [
            message('"{name}" ({level})', name=name, level=value.origin)
            for name, value in sorted(found.items())
            if value.lost
        ]
        return message(_LOST, names=joined(", ", names)) if names else None

    def for_step(self, step_type: str) -> Inputs:
        """Return the inputs of a step of this type, in which its own pod settings replace the plain ones."""
        ending = step_ending(step_type)
        return replace(self, environment=for_step(self.environment, ending), ending=ending)

    @property
    def hidden(self) -> frozenset[str]:
        """The names of the environment variables that are sensitive."""
        return frozenset(name for name, value in self.environment.items() if value.sensitive)

    def texts(self, category: Category) -> dict[str, str]:
        values = self.environment if category == Category.ENV else self.terraform
        return {key: value.text for key, value in values.items()}

    @property
    def sensitive_texts(self) -> frozenset[str]:
        """The texts that must not appear in a log."""
        hidden = [value.text for value in self.environment.values() if value.sensitive and value.text]
        for value in self.terraform.values():
            if value.sensitive and value.text:
                hidden += [value.text, *_secrets_in(value.text)]
        return frozenset(hidden)


def _secrets_in(text: str) -> list[str]:
    """Return the texts within a list or object, which terraform shows by itself, unless too short to be secret."""
    texts = texts_in(text)
    return [one for one in texts if len(one) >= _SHORTEST_SECRET or len(texts) == 1]


@dataclass(frozen=True, slots=True)
class Sources:
    """The variables of a workspace, of its organization and of its collections, those in the order in which they win.

    They may be records that are not stored, as of another installation.
    """

    workspace: tuple[AbstractVariable | VariableRow, ...]
    organization: tuple[GlobalVariable | VariableRow, ...]
    items: tuple[Item | VariableRow, ...]


type _Records = tuple[tuple[Variable, ...], tuple[GlobalVariable, ...], tuple[Item, ...]]


def _records(workspace: Workspace, *, own: bool = True) -> _Records:
    items = (
        Item.objects.filter(collection__references__workspace=workspace)
        .select_related("collection")
        .order_by("-collection__priority", "collection__name", "key")
    )
    return (
        tuple(workspace.variables.all()) if own else (),
        tuple(GlobalVariable.objects.filter(organization_id=workspace.organization_id)),
        tuple(items),
    )


def _add_value(found: dict[str, Value], key: str, row: AbstractVariable | VariableRow, origin: str) -> None:
    if key not in found:
        text = row.value if isinstance(row, VariableRow) else row.text_if_readable
        found[key] = Value(text=text, sensitive=row.sensitive, origin=origin, hcl=row.hcl, lost=row.lost)


def _flow_mapping(category: Category, step: FlowStep) -> dict[str, str] | None:
    """Return the flow's map of keys to the organization's names; None if it has none and takes everything."""
    own = step.inputs_env if category == Category.ENV else step.inputs_terraform
    imported = None
    if step.import_commands is not None:
        source = step.import_commands
        imported = source.inputs_env if category == Category.ENV else source.inputs_terraform
    if not own and not imported:
        return None
    # The imported map comes first, so its entry wins where both name a key.
    return {**(own or {}), **(imported or {})}


def _merge_sources(
    category: Category, step: FlowStep | None, sources: Sources, base: Mapping[str, str]
) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for row in sources.workspace:
        if row.category == category:
            _add_value(found, row.key, row, WORKSPACE)
    for key, text in base.items():
        found.setdefault(key, Value(text=text, origin=INSTALLATION))
    mapped = _flow_mapping(category, step) if step is not None else None
    globals_ = [row for row in sources.organization if row.category == category]
    if mapped is not None:
        by_key = {row.key: row for row in globals_}
        for key, name in mapped.items():
            shared = by_key.get(name.removeprefix("$"))
            if shared is not None:
                _add_value(found, key, shared, ORGANIZATION)
        return found
    for row in globals_:
        _add_value(found, row.key, row, ORGANIZATION)
    for item in sources.items:
        if item.category == category:
            _add_value(found, item.key, item, message(_("collection {name}"), name=item.collection_name))
    return found


def records_in_force(workspace: Workspace) -> list[AbstractVariable]:
    """Return the stored variables that count in a workspace: its own, and those that it inherits and does not replace.

    A step without ``inputsEnv`` and ``inputsTerraform`` gets them all, besides what the installation and policies set.
    """
    own, shared, items = _records(workspace)
    found: dict[tuple[str, str], AbstractVariable] = {(row.category, row.key): row for row in own}
    # What the installation sets replaces what a workspace inherits.
    fixed = {(str(Category.ENV), key) for key in _installation_values(workspace)}
    for row in (*shared, *items):
        if (row.category, row.key) not in fixed:
            found.setdefault((row.category, row.key), row)
    return list(found.values())


def _installation_values(workspace: Workspace) -> dict[str, str]:
    """Return the environment variables that the installation sets for every step."""
    return {
        "TF_IN_AUTOMATION": "1",
        "workspaceName": workspace.name,
        "organizationName": workspace.organization.name,
    }


def workspace_inputs(workspace: Workspace, *, step: FlowStep | None = None, own: bool = True) -> Inputs:
    """Return the inputs that a step of a workspace would get now.

    ``step`` filters by its ``inputsEnv`` and ``inputsTerraform`` and selects the pod settings of its type; None does
    neither. With ``own`` False, return what the workspace inherits, as if it had no variables itself.
    """
    return inputs_from(
        Sources(*_records(workspace, own=own)), workspace, policy_of(workspace.organization_id), step=step
    )


def inputs_from(
    sources: Sources,
    workspace: Workspace,
    policy: Policy,
    *,
    step: FlowStep | None = None,
    withholds_sensitive: bool = False,
) -> Inputs:
    """Return the inputs that a step of a workspace would get from these variables under this policy.

    ``withholds_sensitive`` leaves out sensitive values before the policy is asked, which adds what it demands.
    """
    environment = _merge_sources(Category.ENV, step, sources, _installation_values(workspace))
    terraform = _merge_sources(Category.TERRAFORM, step, sources, {})
    inputs = Inputs(environment=environment, terraform=terraform)
    inputs = apply_policy(inputs.without_sensitive() if withholds_sensitive else inputs, policy)
    return inputs.for_step(step.type) if step is not None else inputs


def apply_policy(inputs: Inputs, policy: Policy) -> Inputs:
    """Return the inputs with a policy's additions."""
    return replace(inputs, environment=with_additions(inputs.environment, policy), policy=policy)


def with_additions(environment: Mapping[str, Value], policy: Policy) -> dict[str, Value]:
    """Return environment variables with those that a policy adds to them."""
    added = policy.additions({name: value.text for name, value in environment.items()})
    values = {name: Value(text=forced.text, origin=forced.rule.level.value) for name, forced in added.items()}
    return {**environment, **values}


def _is_sensitive(replaced: Value | None) -> bool:
    return replaced is not None and replaced.sensitive


def step_inputs(job: Job, step: FlowStep) -> Inputs:
    """Return the inputs of one step of a job.

    A job that was started for people who may not know the secrets gets no sensitive value, wherever it comes from.
    """
    around = job.surroundings
    rows: JobVariables | None = None if around is None else around.variables
    if rows is None:
        rows = read_variables(job)
    sources = Sources(rows.workspace, rows.organization, rows.items)
    policy = policy_of(job.workspace.organization_id, has_rules=around is None or around.has_rules)
    inputs = inputs_from(sources, job.workspace, policy, step=step, withholds_sensitive=job.withholds_sensitive)
    if not rows.job:
        return inputs
    # What replaces a sensitive value is as secret; of others nobody said so, and masking a "1" would ruin the log.
    values = {
        row.key: Value(
            text=row.value,
            sensitive=_is_sensitive(inputs.terraform.get(row.key)),
            origin=JOB,
            hcl=True,
            lost=row.lost,
        )
        for row in rows.job
    }
    return replace(inputs, terraform={**inputs.terraform, **values})
