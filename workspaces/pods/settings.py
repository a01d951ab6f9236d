"""All variables of a step read together: what its pod is to be like."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.pods import kubernetes_syntax as syntax

from . import catalogue, grammar
from .catalogue import ALL_SETTINGS, RESOURCES, endings_in, plain_name
from .grammar import EphemeralSyntaxError, EphemeralSyntaxErrors, PodSecurity, Toleration, is_enabled
from .step_types import name_for


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSettings:
    """How the pod of a step is to be, as its variables say.

    `cluster` is the name of its cluster, "" for that of the installation's settings. `node_selector` None is the
    installation's. `plugin_cache_claim_given` tells that a variable names the claim, rather than that it is the
    default. `allow_privilege_escalation` None is not said. Amounts in `requests` and `limits` are Kubernetes
    quantities.
    """

    enabled: bool = False
    cluster: str = ""
    node_selector: Mapping[str, str] | None = None
    service_account: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    pod_annotations: Mapping[str, str] = field(default_factory=dict)
    config_map_name: str | None = None
    config_map_mount_path: str = catalogue.DEFAULT_CONFIG_MAP_MOUNT_PATH
    tolerations: tuple[Toleration, ...] = ()
    plugin_cache_dir: str | None = None
    plugin_cache_claim: str = catalogue.DEFAULT_PLUGIN_CACHE_CLAIM
    plugin_cache_claim_given: bool = False
    pod_security: PodSecurity = field(default_factory=PodSecurity)
    allow_privilege_escalation: bool | None = None
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    env: tuple[tuple[str, str], ...] = ()
    env_from_config_maps: tuple[str, ...] = ()


def pod_settings(environment: Mapping[str, str], hidden: Iterable[str] = ()) -> PodSettings:
    """Read all settings of the pod from a step's environment variables.

    Names that begin with EPHEMERAL_ and are not known are left alone here. Raises EphemeralSyntaxErrors with all that
    is wrong, in one variable and between them; nothing of the texts of `hidden` variables is in it.
    """
    settings, errors = _read(_Texts(environment, hidden))
    if errors:
        raise EphemeralSyntaxErrors(errors)
    return settings


def wrong_settings(environment: Mapping[str, str], hidden: Iterable[str] = ()) -> dict[str, str]:
    """Return what is wrong in the settings of the steps of all types: the variable to blame and a sentence."""
    return {error.variable: str(error) for error in _errors(_Texts(environment, hidden))}


def refused_change(
    before: Mapping[str, str],
    after: Mapping[str, str],
    *,
    own: Iterable[str],
    removed: Iterable[str] = (),
    entered: Iterable[str] = (),
    hidden: Iterable[str] = (),
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is wrong in the texts that were entered, and what a change makes wrong in the settings as a whole.

    Each is the variable to blame and a sentence. `own` are the variables that the changed record sets, and `removed`
    those that it set until now; the others are inherited. `entered` are those of its own that were not checked by
    themselves before. Of the settings as a whole, an error counts when one of its texts changed and one is or was the
    record's own. What was wrong before is not held against the change, nor is what others set wrongly.
    """
    texts = _Texts(after, hidden, entered)
    alone = {name: str(error) for name in texts.entered if (error := texts.error(name)) is not None}
    changed = {name for name in ALL_SETTINGS if before.get(name) != after.get(name)}
    # Under a variable that is taken away may lie an inherited text that was never checked.
    if changed.isdisjoint(removed) and _COMPARED.isdisjoint(map(plain_name, changed)):
        return alone, {}
    mine = frozenset(own).union(removed)
    together: dict[str, str] = {}
    for error in _errors(texts):
        if not changed.isdisjoint(error.names) and not mine.isdisjoint(error.names):
            blamed = [name for name in error.names if name in mine]
            together[next((name for name in blamed if name in changed), blamed[0])] = str(error)
    return alone, together


class _Texts:
    """The texts of a step's environment variables, each parsed once, for however many types of steps it counts.

    Those that were `entered` are read as at a save, which is stricter. Nothing of a `hidden` text is in its error.
    """

    def __init__(self, environment: Mapping[str, str], hidden: Iterable[str] = (), entered: Iterable[str] = ()) -> None:
        self.environment, self.hidden, self.entered = environment, frozenset(hidden), frozenset(entered)
        self._values: dict[str, Any] = {}
        self._errors: dict[str, EphemeralSyntaxError] = {}

    def value[T](self, name: str, reader: Callable[[str, str], T]) -> T | None:
        """Return the value of a variable; None without one, and for one that is wrong."""
        if name not in self._values:
            self._values[name] = None
            try:
                if name in self.entered:
                    self._values[name] = grammar.validate(name, self.environment[name])
                else:
                    self._values[name] = grammar.read(name, self.environment.get(name), reader, None)
            except EphemeralSyntaxError as error:
                self._errors[name] = error.untold() if name in self.hidden else error
        value: T | None = self._values[name]
        return value

    def error(self, name: str) -> EphemeralSyntaxError | None:
        """Return what is wrong in the text of a variable by itself, None for nothing."""
        self.value(name, grammar.READERS[plain_name(name)])
        return self._errors.get(name)


def _errors(texts: _Texts) -> Iterator[EphemeralSyntaxError]:
    for ending in endings_in(texts.environment):
        yield from _read(texts, ending)[1]


def _read(texts: _Texts, ending: str = "") -> tuple[PodSettings, list[EphemeralSyntaxError]]:
    """Read the settings of the steps of one type. Each error names the variable that says it."""
    errors: list[EphemeralSyntaxError] = []

    def said_by(name: str) -> str:
        return name_for(name, ending, texts.environment)

    def read[T, D](plain: str, reader: Callable[[str, str], T], default: D) -> T | D:
        name = said_by(plain)
        value, error = texts.value(name, reader), texts.error(name)
        if error is not None:
            errors.append(error)
        return default if value is None else value

    def amounts(which: int) -> dict[str, str]:
        found = ((resource, read(pair[which], grammar.read_quantity, None)) for resource, pair in RESOURCES.items())
        return {resource: amount for resource, amount in found if amount is not None}

    claim = read(catalogue.PLUGIN_CACHE_CLAIM, grammar.read_name, None)
    cluster = read(catalogue.CLUSTER, grammar.read_cluster, None) or ""
    no_pairs: dict[str, str] = {}
    settings = PodSettings(
        enabled=is_enabled(texts.environment.get(catalogue.ENABLE)),
        cluster="" if cluster == catalogue.DEFAULT_CLUSTER else cluster,
        node_selector=read(catalogue.NODE_SELECTOR, grammar.read_node_selector, None),
        service_account=read(catalogue.SERVICE_ACCOUNT, grammar.read_name, None),
        annotations=read(catalogue.ANNOTATIONS, grammar.read_annotations, no_pairs),
        labels=read(catalogue.LABELS, grammar.read_labels, no_pairs),
        pod_annotations=read(catalogue.POD_ANNOTATIONS, grammar.read_annotations, no_pairs),
        config_map_name=read(catalogue.CONFIG_MAP_NAME, grammar.read_name, None),
        config_map_mount_path=read(
            catalogue.CONFIG_MAP_MOUNT_PATH, grammar.read_mount_path, catalogue.DEFAULT_CONFIG_MAP_MOUNT_PATH
        ),
        tolerations=read(catalogue.TOLERATIONS, grammar.read_tolerations, ()),
        plugin_cache_dir=read(catalogue.PLUGIN_CACHE_DIR, grammar.read_mount_path, None),
        plugin_cache_claim=claim or catalogue.DEFAULT_PLUGIN_CACHE_CLAIM,
        plugin_cache_claim_given=claim is not None,
        pod_security=read(catalogue.POD_SECURITY, grammar.read_pod_security, PodSecurity()),
        allow_privilege_escalation=read(catalogue.CONTAINER_SECURITY, grammar.read_allow_privilege_escalation, None),
        requests=amounts(0),
        limits=amounts(1),
        env=read(catalogue.ENVIRONMENT, grammar.read_environment, ()),
        env_from_config_maps=read(catalogue.ENV_FROM_CONFIG_MAPS, grammar.read_names, ()),
    )
    errors.extend(_contradictions(settings, texts.hidden, said_by))
    return settings, errors


_COMPARED = frozenset({catalogue.PLUGIN_CACHE_DIR, catalogue.CONFIG_MAP_NAME, catalogue.CONFIG_MAP_MOUNT_PATH}).union(
    *RESOURCES.values()
)
"""The settings that `_contradictions` compares; any other is right or wrong by itself."""


def _contradictions(
    settings: PodSettings, secret: frozenset[str], said_by: Callable[[str], str]
) -> Iterable[EphemeralSyntaxError]:
    """Find what is right in each variable and wrong between them."""

    def wrong(name: str, text: str, problem: str, *others: str) -> EphemeralSyntaxError:
        return grammar.error(name, None if name in secret else text, problem, others=others)

    for resource, names in RESOURCES.items():
        request_name, limit_name = map(said_by, names)
        request, limit = settings.requests.get(resource), settings.limits.get(resource)
        if request and limit and (syntax.quantity(request) or 0) > (syntax.quantity(limit) or 0):
            more = message(_("is more than {limit}, the value of {name}"), limit=limit, name=limit_name)
            if limit_name in secret:
                more = message(_("is more than the value of {name}"), name=limit_name)
            yield wrong(request_name, request, more, limit_name)
    path_name, map_name = said_by(catalogue.CONFIG_MAP_MOUNT_PATH), said_by(catalogue.CONFIG_MAP_NAME)
    cache, files = settings.plugin_cache_dir, settings.config_map_mount_path
    if cache and settings.config_map_name and f"{cache}/".startswith(f"{files}/"):
        inside = _("is inside {files}, where the files of {name} are mounted read-only")
        problem = message(inside, files=files, name=map_name)
        if path_name in secret:
            # A message keeps its values, so a hidden one is not among them.
            inside = _("is inside the folder where the files of {name} are mounted read-only")
            problem = message(inside, name=map_name)
        yield wrong(catalogue.PLUGIN_CACHE_DIR, cache, problem, path_name, map_name)
