"""Which value a variable of a step has: workspace, then organization, then collections.

The order and the additions are Terrakube's: a workspace's variable wins over the organization's, that over a
collection's, and of two collections the one with the higher priority. A flow with ``inputsEnv`` or
``inputsTerraform`` takes nothing but what it maps, beside the workspace's own. Of the variables that shape the pod,
the policies add their defaults and locks in the end, and say what they refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext_noop as _

from workspaces.choices import AddressType, Category
from workspaces.ephemeral.policy import Policy, Refusal
from workspaces.flows import FlowStep
from workspaces.models import GlobalVariable, Item, Job, Workspace
from workspaces.models.policy import policy_of
from workspaces.models.variable import AbstractVariable

INSTALLATION = "installation"
WORKSPACE = "workspace"
ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A variable's value and where it comes from.

    ``origin`` is "workspace", "organization", "collection NAME", "installation", or the policy that says it.
    """

    text: str
    sensitive: bool = False
    origin: str = WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a step gets: its environment and its Terraform input variables."""

    environment: Mapping[str, Value] = field(default_factory=dict)
    terraform: Mapping[str, Value] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)

    @property
    def refusals(self) -> list[Refusal]:
        """What the policies refuse in the environment; a step is not launched with it."""
        return self.policy.refusals(self.texts(Category.ENV), self.hidden)

    @property
    def hidden(self) -> frozenset[str]:
        """The names of the environment's variables that are sensitive."""
        return frozenset(name for name, value in self.environment.items() if value.sensitive)

    def texts(self, category: Category) -> dict[str, str]:
        values = self.environment if category == Category.ENV else self.terraform
        return {key: value.text for key, value in values.items()}

    @property
    def sensitive_texts(self) -> frozenset[str]:
        """The texts that must not be seen in a log."""
        values = (*self.environment.values(), *self.terraform.values())
        return frozenset(value.text for value in values if value.sensitive and value.text)


@dataclass(frozen=True, slots=True)
class _Sources:
    workspace: tuple[AbstractVariable, ...]
    organization: tuple[GlobalVariable, ...]
    items: tuple[Item, ...]


def _sources(workspace: Workspace, *, own: bool = True) -> _Sources:
    items = (
        Item.objects.filter(collection__references__workspace=workspace)
        .select_related("collection")
        .order_by("-collection__priority", "collection__name", "key")
    )
    return _Sources(
        tuple(workspace.variables.all()) if own else (),
        tuple(GlobalVariable.objects.filter(organization_id=workspace.organization_id)),
        tuple(items),
    )


def _add(found: dict[str, Value], key: str, row: AbstractVariable, origin: str) -> None:
    found.setdefault(key, Value(text=row.value, sensitive=row.sensitive, origin=origin))


def _mapped(category: Category, step: FlowStep) -> dict[str, str] | None:
    """The flow's own map of keys to the organization's names; None when it has none and takes everything."""
    own = step.inputs_env if category == Category.ENV else step.inputs_terraform
    imported = None
    if step.import_commands is not None:
        source = step.import_commands
        imported = source.inputs_env if category == Category.ENV else source.inputs_terraform
    if not own and not imported:
        return None
    # The imported map comes first, so its entry stays where both name a key.
    return {**(own or {}), **(imported or {})}


def _merge(category: Category, step: FlowStep | None, sources: _Sources, base: Mapping[str, str]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for row in sources.workspace:
        if row.category == category:
            _add(found, row.key, row, WORKSPACE)
    for key, text in base.items():
        found.setdefault(key, Value(text=text, origin=INSTALLATION))
    mapped = _mapped(category, step) if step is not None else None
    globals_ = [row for row in sources.organization if row.category == category]
    if mapped is not None:
        by_key = {row.key: row for row in globals_}
        for key, name in mapped.items():
            shared = by_key.get(name.removeprefix("$"))
            if shared is not None:
                _add(found, key, shared, ORGANIZATION)
        return found
    for row in globals_:
        _add(found, row.key, row, ORGANIZATION)
    for item in sources.items:
        if item.category == category:
            _add(found, item.key, item, _("collection {name}").format(name=item.collection.name))
    return found


def _quoted(address: str) -> str:
    # Terraform splits TF_CLI_ARGS like a shell, and an address may hold quotes: module.a["k"].
    return '"' + address.replace("\\", "\\\\").replace('"', '\\"') + '"'


def plan_arguments(addresses: Iterable[tuple[str, str]]) -> str:
    """The text of TF_CLI_ARGS_plan for (type, address) pairs; empty when there are none."""
    flags = {AddressType.TARGET: "target", AddressType.REPLACE: "replace"}
    return "".join(f" -{flags[AddressType(kind)]}={_quoted(address)}" for kind, address in addresses)


def workspace_inputs(
    workspace: Workspace, *, step: FlowStep | None = None, plan_args: str = "", own: bool = True
) -> Inputs:
    """What any step of a workspace would get now.

    ``step`` narrows by its ``inputsEnv`` and ``inputsTerraform``; None applies no such filter. ``plan_args`` becomes
    TF_CLI_ARGS_plan unless a variable sets that already. Without ``own`` it is what the workspace inherits, as if it
    had no variables itself.
    """
    sources = _sources(workspace, own=own)
    base = {
        "TF_IN_AUTOMATION": "1",
        "workspaceName": workspace.name,
        "organizationName": workspace.organization.name,
    }
    environment = _merge(Category.ENV, step, sources, base)
    if plan_args:
        environment.setdefault("TF_CLI_ARGS_plan", Value(text=plan_args, origin=INSTALLATION))
    terraform = _merge(Category.TERRAFORM, step, sources, {})
    return under_policy(Inputs(environment=environment, terraform=terraform), policy_of(workspace.organization_id))


def under_policy(inputs: Inputs, policy: Policy) -> Inputs:
    """The same inputs with what a policy adds to them."""
    added = policy.additions(inputs.texts(Category.ENV))
    values = {name: Value(text=forced.text, origin=forced.rule.level.value) for name, forced in added.items()}
    return replace(inputs, environment={**inputs.environment, **values}, policy=policy)


def step_inputs(job: Job, step: FlowStep) -> Inputs:
    """What one step of a job gets. The job's addresses confine its plan, not the apply of a stored plan."""
    addresses = [] if job.terraform_plan else [(row.type, row.name) for row in job.addresses.all()]
    return workspace_inputs(job.workspace, step=step, plan_args=plan_arguments(addresses))
