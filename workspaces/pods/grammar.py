"""Readers of the variables: a variable's name and its text in, a value out, or EphemeralSyntaxError."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from terrakube_site.env import OFF, ON
from terrakube_site.messages import joined, marked, message
from workspaces.pods import kubernetes_syntax as syntax

from . import catalogue

# What the executor sets itself, so that it can trust what it reads.
RESERVED_LABEL_PREFIX = "terrakube.io/"
RESERVED_LABELS = frozenset(
    # By the first a watch finds our Jobs; the others are the Job controller's, which refuses them from anybody else.
    {"app.kubernetes.io/managed-by", "controller-uid", "job-name"}
    | {"batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}
)
_OF_THE_VALUE = _("has a value that {objection}")
LEFT_OUT = "none"
"""Instead of a user's or group's number: the cluster chooses it."""
RESERVED_ENVIRONMENT = frozenset({"EphemeralFlagBatch", "EphemeralJobData"})


class EphemeralSyntaxError(ValueError):
    """The text of one variable is wrong.

    `item` is the offending part (only the key where the value may be a secret), None where nothing of the text may be
    seen; `problem` ends the sentence that begins with it. `names` are all variables that the problem depends on: more
    than one where each text is right and they contradict each other.
    """

    def __init__(
        self, variable: str, item: str | None, grammar: str, problem: str, others: tuple[str, ...] = ()
    ) -> None:
        self.variable = variable
        self.names = (variable, *others)
        self.item = item
        self.grammar = grammar
        self.problem = problem
        written = message(_("The format is {grammar}."), grammar=grammar)
        super().__init__(f"{variable}: " + _about(item, problem) + ". " + written)

    def untold(self) -> "EphemeralSyntaxError":
        """The same error of a text that is secret: neither an item of it nor a problem that may name one."""
        if self.item == self.variable:
            # It is about the name alone.
            return self
        return EphemeralSyntaxError(self.variable, None, self.grammar, _("has the wrong format"))


def _about(item: str | None, problem: str) -> str:
    if item is None:
        return message(_("its value {problem}"), problem=problem)
    shown = item if len(item) <= 80 else f"{item[:77]}..."
    return f'"{shown}" ' + marked(problem)


class EphemeralSyntaxErrors(ValueError):
    """Variables of one step are wrong; `errors` has one `EphemeralSyntaxError` for each."""

    def __init__(self, errors: Iterable[EphemeralSyntaxError]) -> None:
        self.errors = tuple(errors)
        super().__init__(joined("\n", (str(error) for error in self.errors)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """A taint the pod tolerates; `effect` None is every effect. `value` is only compared by Equal."""

    key: str
    operator: str = "Exists"
    value: str = ""
    effect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSecurity:
    """The pod's security context; None is left out of the pod.

    `user_left_out` tells a user that was left out on purpose from one that no variable names.
    """

    fs_group: int | None = catalogue.DEFAULT_FS_GROUP
    run_as_user: int | None = None
    run_as_non_root: bool | None = None
    user_left_out: bool = False


def is_enabled(text: str | None) -> bool:
    """Tell whether `TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR` with this text (None: no such variable) asks for a pod.

    0, false, no, off and nothing are off, which in Terrakube are on as every text is. Any other text is on, so that
    what worked there works here, though `validate` lets only 1, true, yes and on be saved.
    """
    return text is not None and text.strip().lower() not in OFF


def validate(name: str, text: str) -> object:
    """Check the text of a variable before it is saved, and return its value as `parse` does; None for any other name.

    Raises EphemeralSyntaxError, also for an unknown name that begins with EPHEMERAL_: it would do nothing, being kept
    from terraform's environment too.
    """
    if name in catalogue.ALL_SETTINGS:
        value = parse(name, text)
        if catalogue.ALL_SETTINGS[name].kind is catalogue.Kind.PAIRS:
            _check_separators(name, text)
        if "\0" in text:
            raise error(name, None, _("must not contain a NUL character"))
        return value
    if name.startswith("EPHEMERAL_"):
        near = difflib.get_close_matches(name, catalogue.ALL_SETTINGS, n=1)
        problem = (
            message(_("is unknown; did you mean {name}?"), name=near[0])
            if near
            else _("is unknown; names with this prefix are reserved for pod settings")
        )
        raise EphemeralSyntaxError(name, name, _("one of the documented names"), problem)
    return None


def text_refusal(name: str, text: str, *, hidden: bool = False) -> str | None:
    """Return why the text of a variable cannot be saved, or None; nothing of a `hidden` text is in the sentence."""
    try:
        validate(name, text)
    except EphemeralSyntaxError as error:
        return str(error.untold() if hidden else error)
    return None


def parse(name: str, text: str) -> object:
    """Return the value of one known variable as `PodSettings` holds it, or None where empty is as good as unset.

    Raises EphemeralSyntaxError when it is not written as its grammar says, KeyError for a name not in `ALL_SETTINGS`.
    """
    return read(name, text, READERS[catalogue.plain_name(name)], None)


def node_selector(text: str) -> dict[str, str]:
    """Read a node selector that stands somewhere else than in its variable; raises EphemeralSyntaxError."""
    return read_node_selector(catalogue.NODE_SELECTOR, text)


def read[T, D](name: str, text: str | None, reader: Callable[[str, str], T], default: D) -> T | D:
    """Read a text with the reader of its variable; `default` when there is none, or none worth reading."""
    empty_counts = catalogue.plain_name(name) in (catalogue.NODE_SELECTOR, catalogue.TOLERATIONS)
    if text is None or (not text.strip() and not empty_counts):
        return default
    return reader(name, text.strip())


def error(variable: str, item: str | None, problem: str, *, others: tuple[str, ...] = ()) -> EphemeralSyntaxError:
    return EphemeralSyntaxError(variable, item, catalogue.ALL_SETTINGS[variable].grammar, problem, others)


def _check(variable: str, item: str, objection: str | None, about: str = "{objection}") -> None:
    """Raise for an objection; ``about`` says of which part of the item it is."""
    if objection:
        raise error(variable, item, message(about, objection=objection))


def _items(variable: str, text: str, separator: str) -> list[str]:
    if text.startswith(("[", "{")):
        raise error(variable, text[0], _("at the beginning is reserved for a longer form that is not supported yet"))
    return [item.strip() for item in text.split(separator)]


def _pairs(variable: str, text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in filter(None, _items(variable, text, ";")):
        key, _equals, value = (part.strip() for part in item.partition("="))
        if not key:
            # Never shown whole: in EPHEMERAL_JOB_ENV_VARS what stands behind may be a secret.
            raise error(variable, "=", _("has no key before it"))
        # Taken out first, so that the last of two also has the last place: $(NAME) in a value looks back.
        pairs.pop(key, None)
        pairs[key] = value
    return pairs


def _check_separators(variable: str, text: str) -> None:
    """Refuse what is the end of a value with the separator in it. A stored text is read as in Terrakube."""
    before = ""
    for item in filter(None, _items(variable, text.strip(), ";")):
        if "=" not in item and before.partition("=")[2]:
            # Never shown: it may be the end of a secret.
            raise error(variable, None, _("has a part without '=' after a ';'; for an empty value write key="))
        before = item


def _label_pairs(variable: str, text: str) -> dict[str, str]:
    pairs = _pairs(variable, text)
    for key, value in pairs.items():
        _check(variable, key, syntax.label_key_objection(key))
        _check(variable, f"{key}={value}", syntax.label_value_objection(value), _OF_THE_VALUE)
    return pairs


def read_switch(variable: str, text: str) -> bool:
    if text.lower() not in ON | OFF:
        raise error(variable, text, _("is neither on nor off"))
    return text.lower() in ON


def read_node_selector(variable: str, text: str) -> dict[str, str]:
    return _label_pairs(variable, text)


def read_labels(variable: str, text: str) -> dict[str, str]:
    pairs = _label_pairs(variable, text)
    for key in pairs:
        if key.startswith(RESERVED_LABEL_PREFIX) or key in RESERVED_LABELS:
            raise error(variable, key, _("is a label that the executor or the cluster sets"))
    return pairs


def read_annotations(variable: str, text: str) -> dict[str, str]:
    pairs = _pairs(variable, text)
    for key in pairs:
        _check(variable, key, syntax.annotation_key_objection(key))
    if sum(len(key.encode()) + len(value.encode()) for key, value in pairs.items()) > syntax.ANNOTATIONS_BYTES:
        problem = message(
            _("exceeds the {size} KiB allowed for all annotations"), size=syntax.ANNOTATIONS_BYTES // 1024
        )
        raise error(variable, text, problem)
    return pairs


def read_environment(variable: str, text: str) -> tuple[tuple[str, str], ...]:
    pairs = _pairs(variable, text)
    for key, value in pairs.items():
        _check(variable, key, syntax.environment_name_objection(key))
        _check(variable, key, syntax.environment_string_objection(key, value))
        if key in RESERVED_ENVIRONMENT:
            raise error(variable, key, _("is set by the executor"))
    return tuple(pairs.items())


def read_name(variable: str, text: str) -> str:
    _check(variable, text, syntax.name_objection(text))
    return text


def read_cluster(variable: str, text: str) -> str:
    _check(variable, text, syntax.namespace_objection(text))
    return text


def read_names(variable: str, text: str) -> tuple[str, ...]:
    names = dict.fromkeys(filter(None, _items(variable, text, ",")))
    return tuple(read_name(variable, name) for name in names)


def read_mount_path(variable: str, text: str) -> str:
    path = text.rstrip("/") or "/"
    _check(variable, text, syntax.mount_path_objection(path))
    return path


def read_quantity(variable: str, text: str) -> str:
    whole = not variable.startswith("EPHEMERAL_CPU_")
    _check(variable, text, syntax.quantity_objection(text, whole=whole))
    return text


def _boolean(variable: str, key: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise error(variable, f"{key}={value}", _("must have the value true or false"))
    return value.lower() == "true"


def _known_pairs(variable: str, text: str, known: tuple[str, ...]) -> dict[str, str]:
    pairs = _pairs(variable, text)
    for key in pairs:
        if key not in known:
            problem = message(_("is unknown; allowed: {names}"), names=", ".join(known))
            raise error(variable, key, problem)
    return pairs


def _id(variable: str, pairs: Mapping[str, str], key: str, default: int | None) -> int | None:
    text = pairs.get(key)
    if text is None or text == LEFT_OUT:
        return default if text is None else None
    _check(variable, f"{key}={text}", syntax.id_objection(text), _OF_THE_VALUE)
    return int(text)


def read_pod_security(variable: str, text: str) -> PodSecurity:
    pairs = _known_pairs(variable, text, ("fsGroup", "runAsUser", "runAsNonRoot"))
    security = PodSecurity(
        fs_group=_id(variable, pairs, "fsGroup", catalogue.DEFAULT_FS_GROUP),
        run_as_user=_id(variable, pairs, "runAsUser", None),
        user_left_out=pairs.get("runAsUser") == LEFT_OUT,
        run_as_non_root=_boolean(variable, "runAsNonRoot", pairs["runAsNonRoot"]) if "runAsNonRoot" in pairs else None,
    )
    if security.run_as_non_root and security.run_as_user == 0:
        raise error(variable, "runAsUser=0", _("is root, which runAsNonRoot=true forbids"))
    return security


def read_allow_privilege_escalation(variable: str, text: str) -> bool | None:
    key = "allowPrivilegeEscalation"
    pairs = _known_pairs(variable, text, (key,))
    return _boolean(variable, key, pairs[key]) if pairs else None


def read_tolerations(variable: str, text: str) -> tuple[Toleration, ...]:
    items = _items(variable, text, ";")
    while len(items) > 1 and not items[-1]:
        items.pop()
    return tuple(_toleration(variable, item) for item in items)


def _toleration(variable: str, item: str) -> Toleration:
    parts = [part.strip() for part in item.split(":")]
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    if len(parts) > 3:
        raise error(variable, item, _("has more than key, operator and effect"))
    head, operator, effect = parts + ["", "Exists", ""][len(parts) :]
    key, equals, value = (part.strip() for part in head.partition("="))
    if not key:
        raise error(variable, item, _("has no key and would tolerate every taint of every node"))
    _check(variable, item, syntax.label_key_objection(key), _("has a key that {objection}"))
    if operator not in ("Exists", "Equal"):
        raise error(variable, item, _("must have the operator Exists or Equal"))
    if equals and not value:
        problem = message(_("has no value after '='; write {key}:Equal for the empty value"), key=key)
        raise error(variable, item, problem)
    if value and operator == "Exists":
        problem = message(_("has a value, but the operator Exists takes none; write {head}:Equal"), head=head)
        raise error(variable, item, problem)
    _check(variable, item, syntax.label_value_objection(value), _OF_THE_VALUE)
    if effect not in ("", "NoSchedule", "PreferNoSchedule", "NoExecute"):
        raise error(variable, item, _("must have the effect NoSchedule, PreferNoSchedule or NoExecute, or none"))
    return Toleration(key=key, operator=operator, value=value, effect=effect or None)


READERS: Mapping[str, Callable[[str, str], object]] = {
    catalogue.ENABLE: read_switch,
    catalogue.NODE_SELECTOR: read_node_selector,
    catalogue.CLUSTER: read_cluster,
    catalogue.SERVICE_ACCOUNT: read_name,
    catalogue.ANNOTATIONS: read_annotations,
    catalogue.CONFIG_MAP_NAME: read_name,
    catalogue.CONFIG_MAP_MOUNT_PATH: read_mount_path,
    catalogue.TOLERATIONS: read_tolerations,
    catalogue.PLUGIN_CACHE_DIR: read_mount_path,
    catalogue.PLUGIN_CACHE_CLAIM: read_name,
    catalogue.POD_SECURITY: read_pod_security,
    catalogue.CONTAINER_SECURITY: read_allow_privilege_escalation,
    catalogue.ENVIRONMENT: read_environment,
    catalogue.LABELS: read_labels,
    catalogue.POD_ANNOTATIONS: read_annotations,
    catalogue.ENV_FROM_CONFIG_MAPS: read_names,
    **{name: read_quantity for pair in catalogue.RESOURCES.values() for name in pair},
}
