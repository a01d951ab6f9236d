"""What a job requests of terraform: addresses and refresh, and whether its flow supports that."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from terrakube_site.terraform.state_arguments import split_arguments
from workspaces import flows
from workspaces.choices import AddressType, StepType
from workspaces.errors import InvalidInput
from workspaces.flows import FlowStep
from workspaces.jobs.transitions.table import APPROVED, AUTO_APPLY
from workspaces.models import Job, Step, Workspace

MAX_ADDRESSES = 200
_NAME = r"[^\W\d][\w-]*"
_KEY = r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]'
_MODULES = rf"module\.{_NAME}(?:{_KEY})?(?:\.module\.{_NAME}(?:{_KEY})?)*"
_RESOURCE = rf"(?:data\.|ephemeral\.)?(?!module\.|data\.|ephemeral\.){_NAME}\.{_NAME}(?:{_KEY})?"
_TARGET = re.compile(rf"{_MODULES}(?:\.{_RESOURCE})?|{_RESOURCE}")
_REPLACE = re.compile(rf"(?:{_MODULES}\.)?(?!data\.|ephemeral\.){_RESOURCE}")
_LONGEST = 1024
_DESTROYING = frozenset({StepType.DESTROY, StepType.PLAN_DESTROY})


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of a job, in sorted order."""

    targets: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.targets or self.replaces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a new job requests, and the flow that has to support it."""

    workspace: Workspace
    flow: Sequence[FlowStep]
    addresses: Addresses
    refresh: bool = True
    refresh_only: bool = False

    @property
    def asks_nothing(self) -> bool:
        """Return whether the job requests nothing beyond what its flow does."""
        return not self.addresses and self.refresh and not self.refresh_only


def addresses_of(job: Job) -> Addresses:
    """Return the addresses of a job."""
    found: dict[str, list[str]] = {kind: [] for kind in AddressType.values}
    for row in job.addresses.all():
        found[row.type].append(row.name)
    return Addresses(tuple(found[AddressType.TARGET]), tuple(found[AddressType.REPLACE]))


def asked_by(job: Job) -> Asked:
    """Return what an existing job requests."""
    return Asked(
        workspace=job.workspace,
        flow=flows.parse(job.tcl),
        addresses=addresses_of(job),
        refresh=job.refresh,
        refresh_only=job.refresh_only,
    )


def read_addresses(targets: Iterable[str], replaces: Iterable[str]) -> Addresses:
    """Validate and deduplicate the addresses of a new job. Raises InvalidInput with the value."""
    checked = Addresses(
        tuple(dict.fromkeys(_checked("targetAddrs", text, _TARGET) for text in targets)),
        tuple(dict.fromkeys(_checked("replaceAddrs", text, _REPLACE) for text in replaces)),
    )
    number = len(checked.targets) + len(checked.replaces)
    if number > MAX_ADDRESSES:
        wrong = _("A job takes at most {limit} addresses, not {number}. Use the address of their module instead.")
        raise InvalidInput(
            message(wrong, limit=MAX_ADDRESSES, number=number),
            fields={"targetAddrs" if len(checked.targets) > len(checked.replaces) else "replaceAddrs": "too many"},
        )
    return checked


def _checked(field: str, text: str, grammar: re.Pattern[str]) -> str:
    found = text.strip()
    if found.isprintable() and len(found) <= _LONGEST and grammar.fullmatch(found):
        return found
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in found[:80])
    if grammar is _REPLACE:
        wrong = _('"{value}" cannot be replaced. Use the address of a resource, such as module.net.aws_vpc.main[0].')
    else:
        wrong = _(
            '"{value}" is not a target. Use the address of a resource or module, such as module.net.aws_vpc.main.'
        )
    raise _refused(field, message(wrong, value=shown))


# ---- what terraform refuses, and what an executor cannot keep to ----------------------------------------------------

type Check = Callable[[Asked], None]
_checks: list[Check] = []


def check_with(check: Check) -> None:
    """Register a check from the package that runs the steps; it refuses a job by raising InvalidInput."""
    if check not in _checks:
        _checks.append(check)


def check_asked(asked: Asked) -> None:
    """Refuse a job whose flow does not support its request. Raises InvalidInput."""
    destroys = any(step.type in _DESTROYING for step in asked.flow)
    if asked.refresh_only and not asked.refresh:
        raise _refused("refreshOnly", _("A refresh-only job cannot skip the refresh."))
    if asked.refresh_only and asked.addresses.replaces:
        raise _refused("refreshOnly", _("A refresh-only job cannot replace resources."))
    if asked.refresh_only and destroys:
        raise _refused(
            "refreshOnly",
            _("A refresh-only job cannot destroy. Choose a template that plans or applies."),
        )
    if asked.addresses.replaces and destroys:
        raise _refused("replaceAddrs", _("A destroy cannot replace resources. Use them as targets instead."))
    for check in _checks:
        check(asked)


def _refused(field: str, sentence: str) -> InvalidInput:
    return InvalidInput(sentence, fields={field: sentence})


def is_approved_by_a_person(step: Step, *, since: int) -> bool:
    """Return whether a user approved a step, after the step with a given number."""
    approvals = Step.objects.filter(
        job=step.job_id,
        type=StepType.APPROVAL,
        decision=APPROVED,
        step_number__gt=since,
        step_number__lt=step.step_number,
    )
    return approvals.exclude(decided_by=AUTO_APPLY).exists()


# ---- for Terrakube's own executor, which knows no addresses ---------------------------------------------------------

PLAN_ARGUMENTS = "TF_CLI_ARGS_plan"
_WIDENING = frozenset({"target", "target-file", "exclude", "exclude-file", "replace", "destroy", "invoke"})


def plan_arguments(addresses: Addresses, *, beside: str = "") -> str:
    """Return TF_CLI_ARGS_plan with the addresses, before what is already set: a sign such as ";" ends the arguments."""
    flags = [f"-target={_quoted(address)}" for address in addresses.targets]
    flags += [f"-replace={_quoted(address)}" for address in addresses.replaces]
    return " ".join([*flags, beside] if beside.strip() else flags)


def _quoted(address: str) -> str:
    # Terraform splits TF_CLI_ARGS like a shell, and an address may hold quotes: module.a["k"].
    return '"' + address.replace("\\", "\\\\").replace('"', '\\"') + '"'


def changes_what_is_planned(arguments: str) -> bool:
    """Return whether arguments of a plan name addresses themselves, or cannot be parsed."""
    try:
        words = split_arguments(arguments)
    except ValueError:
        return True
    names = {word.lstrip("-").partition("=")[0] for word in words if word.startswith("-")}
    return bool(names & _WIDENING)
