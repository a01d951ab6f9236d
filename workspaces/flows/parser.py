"""Parse YAML to a flow from composed nodes, which unlike loaded values keep line numbers and duplicate keys."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from uuid import UUID

import yaml
from yaml.reader import Reader

from workspaces.choices import StepType
from workspaces.validation import state_arguments

from .flow import Command, FlowStep, ImportCommands, ScheduledTemplate

MAX_CHARACTERS = 128 * 1024
# The grammar limits the depth of a flow; this keeps the YAML library from recursing deeper.
MAX_DEPTH = 20
# A node counts each time an alias (*name) refers to it.
MAX_NODES = 20_000
MAX_NUMBER = 2**31 - 1

_RUNTIMES = ("BASH", "GROOVY")
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset(f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "value"))


class FlowError(ValueError):
    """A flow is invalid; `line` counts from 1, and `key` is empty where no key is at fault."""

    def __init__(self, line: int, key: str, message: str) -> None:
        self.line = line
        self.key = key
        self.message = message
        super().__init__(f"Line {line}: {key} {message}." if key else f"Line {line}: {message}.")


# Cached: each job parses its template's text twice, with a parser written in Python.
@lru_cache(maxsize=64)
def parse(text: str) -> tuple[FlowStep, ...]:
    """Parse a template's YAML; the steps are in ascending order of their numbers.

    Raises FlowError for the first error.
    """
    root = _compose(text)
    return _Walk().flow(root)


def parse_commands(text: str) -> tuple[Command, ...]:
    """Parse the commands.yaml that a step imports: the key `commands`, as in a flow. Raises FlowError."""
    return _Walk().command_list(_compose(text))


def _compose(text: str) -> yaml.Node:
    if len(text) > MAX_CHARACTERS:
        raise FlowError(1, "", f"a flow has at most {MAX_CHARACTERS} characters, not {len(text)}")
    if unprintable := Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, unprintable.start()) + 1
        raise FlowError(line, "", f"the character {unprintable[0]!a} is not allowed in YAML")
    try:
        _check_depth(text)
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "it cannot be read"
        raise FlowError(mark.line + 1 if mark else 1, "", f"this is not valid YAML: {problem}") from None
    if root is None:
        raise FlowError(1, "flow", "is missing: a template begins with it")
    return root


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise FlowError(_line(event), "", "this is nested too deeply")


class _Walk:
    """One pass over the nodes of a document. Each method gets a node and the key that it is the value of."""

    def __init__(self) -> None:
        self._nodes_left = MAX_NODES

    def flow(self, root: yaml.Node) -> tuple[FlowStep, ...]:
        fields = self._mapping(root, "the template", ("flow",))
        if "flow" not in fields:
            raise FlowError(_line(root), "flow", "is missing: a template begins with it")
        key, node = fields["flow"]
        entries = list(self._sequence(node, "flow"))
        if not entries:
            raise FlowError(_line(key), "flow", "is empty: it needs at least one step")
        steps: dict[int, tuple[FlowStep, int]] = {}
        for entry in entries:
            step, line = self._step(entry)
            if step.step in steps:
                before = steps[step.step][1]
                raise FlowError(line, "step", f"must be unique: {step.step} is also the number in line {before}")
            steps[step.step] = step, line
        return tuple(step for _, (step, _) in sorted(steps.items()))

    def command_list(self, root: yaml.Node) -> tuple[Command, ...]:
        fields = self._mapping(root, "the file", ("commands",))
        return self._optional(fields, "commands", self._commands) or ()

    def _step(self, entry: yaml.Node) -> tuple[FlowStep, int]:
        known = (
            *("type", "name", "step", "ignoreError", "commands", "onFailure", "onReject", "inputsEnv"),
            *("inputsTerraform", "importCommands", "importComands", "team", "templates"),
        )
        fields = self._mapping(entry, "the step", known)
        flow_type = self._choice(self._required(entry, fields, "type"), "type", StepType.values)
        # As in Terrakube, a step without a number has the number 0.
        number_node = fields["step"][1] if "step" in fields else entry
        number = self._integer(number_node, "step", 0) if "step" in fields else 0
        if "importCommands" in fields and "importComands" in fields:
            raise FlowError(_line(fields["importComands"][0]), "importComands", "is the old name of importCommands")
        imported = "importComands" if "importComands" in fields else "importCommands"
        templates = self._optional(fields, "templates", self._templates)
        if flow_type == StepType.SCHEDULE_TEMPLATES and not templates:
            raise FlowError(_line(entry), "templates", f"is needed in a step of type {flow_type}")
        step = FlowStep(
            type=flow_type,
            step=number,
            name=self._optional(fields, "name", self._text) or f"Running Step{number}",
            ignore_error=self._optional(fields, "ignoreError", self._boolean) or False,
            commands=self._optional(fields, "commands", self._commands),
            on_failure=self._optional(fields, "onFailure", self._commands),
            on_reject=self._optional(fields, "onReject", self._commands),
            inputs_env=self._optional(fields, "inputsEnv", self._inputs),
            inputs_terraform=self._optional(fields, "inputsTerraform", self._inputs),
            import_commands=self._optional(fields, imported, self._import_commands),
            team=self._optional(fields, "team", self._text) or None,
            templates=templates,
        )
        return step, _line(number_node)

    def _commands(self, node: yaml.Node, key: str) -> tuple[Command, ...]:
        return tuple(self._command(entry) for entry in self._sequence(node, key))

    def _command(self, entry: yaml.Node) -> Command:
        known = ("runtime", "priority", "before", "after", "beforeInit", "verbose", "script")
        fields = self._mapping(entry, "the command", known)
        return Command(
            runtime=self._choice(self._required(entry, fields, "runtime"), "runtime", _RUNTIMES),
            script=self._text(self._required(entry, fields, "script"), "script"),
            priority=self._optional(fields, "priority", self._integer) or 0,
            before=self._optional(fields, "before", self._boolean) or False,
            after=self._optional(fields, "after", self._boolean) or False,
            before_init=self._optional(fields, "beforeInit", self._boolean) or False,
            verbose=self._optional(fields, "verbose", self._boolean) or False,
        )

    def _import_commands(self, node: yaml.Node, key: str) -> ImportCommands:
        known = ("repository", "branch", "folder", "vcsId", "inputsEnv", "inputsTerraform")
        fields = self._mapping(node, key, known)
        return ImportCommands(
            repository=self._filled(self._required(node, fields, "repository"), "repository"),
            branch=self._optional(fields, "branch", self._text) or None,
            folder=self._optional(fields, "folder", self._text) or "/",
            vcs_id=self._optional(fields, "vcsId", self._uuid) or None,
            inputs_env=self._optional(fields, "inputsEnv", self._inputs),
            inputs_terraform=self._optional(fields, "inputsTerraform", self._inputs),
        )

    def _templates(self, node: yaml.Node, key: str) -> tuple[ScheduledTemplate, ...]:
        return tuple(self._template(entry) for entry in self._sequence(node, key))

    def _template(self, entry: yaml.Node) -> ScheduledTemplate:
        fields = self._mapping(entry, "the template", ("name", "schedule"))
        schedule_node = self._required(entry, fields, "schedule")
        schedule = self._text(schedule_node, "schedule")
        if len(schedule.split()) not in (6, 7):
            raise FlowError(_line(schedule_node), "schedule", "must be a Quartz expression of 6 or 7 fields")
        return ScheduledTemplate(name=self._filled(self._required(entry, fields, "name"), "name"), schedule=schedule)

    def _inputs(self, node: yaml.Node, key: str) -> dict[str, str]:
        fields = self._mapping(node, key, None)
        if key == "inputsEnv":
            for name, (key_node, _) in fields.items():
                refused = state_arguments.mapping_refusal(name)
                if refused is not None:
                    raise FlowError(_line(key_node), name, refused)
        return {name: self._text(value, f"{name} in {key}") for name, (_, value) in fields.items()}

    # --- the kinds of values ---

    def _mapping(
        self, node: yaml.Node, key: str, known: tuple[str, ...] | None
    ) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Return the key node and value node of each key; `known` None allows every key."""
        self._count(node)
        if not isinstance(node, yaml.MappingNode) or node.tag != f"{_TAG}map":
            raise FlowError(_line(node), key, "must have keys and values")
        fields: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                raise FlowError(_line(key_node), "<<", "is not supported: write the keys out")
            name = self._text(key_node, "a key")
            if known is not None and name not in known:
                raise FlowError(_line(key_node), name, f"is not known here; allowed is {', '.join(known)}")
            if name in fields:
                raise FlowError(
                    _line(key_node), name, f"is given twice, for the first time in line {_line(fields[name][0])}"
                )
            fields[name] = key_node, value_node
        return fields

    def _sequence(self, node: yaml.Node, key: str) -> Iterator[yaml.Node]:
        self._count(node)
        if not isinstance(node, yaml.SequenceNode) or node.tag != f"{_TAG}seq":
            raise FlowError(_line(node), key, "must be a list, each entry of which begins with '-'")
        yield from node.value

    def _required(self, parent: yaml.Node, fields: Mapping[str, tuple[yaml.Node, yaml.Node]], key: str) -> yaml.Node:
        if key not in fields:
            raise FlowError(_line(parent), key, "is missing")
        return fields[key][1]

    def _optional[T](
        self,
        fields: Mapping[str, tuple[yaml.Node, yaml.Node]],
        key: str,
        read: Callable[[yaml.Node, str], T],
    ) -> T | None:
        """Read the value of a key; None where the key is missing or has no value."""
        if key not in fields or fields[key][1].tag == f"{_TAG}null":
            return None
        return read(fields[key][1], key)

    def _text(self, node: yaml.Node, key: str) -> str:
        self._count(node)
        if not isinstance(node, yaml.ScalarNode):
            raise FlowError(_line(node), key, "must be a text")
        if node.tag not in _SCALARS:
            raise FlowError(_line(node), key, "must not have a tag (!)")
        if node.tag == f"{_TAG}null":
            raise FlowError(_line(node), key, "has no value")
        value: str = node.value
        return value

    def _filled(self, node: yaml.Node, key: str) -> str:
        text = self._text(node, key).strip()
        if not text:
            raise FlowError(_line(node), key, "has no value")
        return text

    def _integer(self, node: yaml.Node, key: str, minimum: int = -MAX_NUMBER) -> int:
        text = self._text(node, key)
        # A leading zero means octal in YAML, which users do not expect, so it is refused.
        number = int(text) if re.fullmatch(r"0|-?[1-9][0-9]{0,9}", text) else None
        if number is None or not minimum <= number <= MAX_NUMBER:
            raise FlowError(_line(node), key, f"must be a whole number from {minimum} to {MAX_NUMBER}")
        return number

    def _boolean(self, node: yaml.Node, key: str) -> bool:
        value = _BOOLEANS.get(self._text(node, key).lower())
        if value is None:
            raise FlowError(_line(node), key, "must be true or false")
        return value

    def _choice(self, node: yaml.Node, key: str, choices: tuple[str, ...] | list[str]) -> str:
        text = self._text(node, key)
        if text not in choices:
            shown = text if len(text) <= 40 else f"{text[:37]}..."
            raise FlowError(_line(node), key, f'must be one of {", ".join(choices)}, not "{shown}"')
        return text

    def _uuid(self, node: yaml.Node, key: str) -> str:
        text = self._text(node, key)
        try:
            return str(UUID(text)) if text else ""
        except ValueError:
            raise FlowError(_line(node), key, "must be the id of a VCS connection, a UUID") from None

    def _count(self, node: yaml.Node) -> None:
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise FlowError(_line(node), "", f"the flow has more than {MAX_NODES} parts, each alias counted in full")


def _line(found: yaml.Node | yaml.Event) -> int:
    return found.start_mark.line + 1 if found.start_mark else 1
