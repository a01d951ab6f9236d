"""All variables of a step read together: what its pod is to be like."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext_noop as _

from workspaces import kubernetes_syntax as syntax

from . import grammar, variables
from .grammar import EphemeralSyntaxError, EphemeralSyntaxErrors, PodSecurity, Toleration, is_enabled
from .variables import RESOURCES


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSettings:
    """How the pod of a step is to be, as its variables say.

    `node_selector` None is the installation's. `plugin_cache_claim_given` tells that somebody named the claim, rather
    than that it is the default. `allow_privilege_escalation` None is not said. Amounts in `requests` and `limits` are
    Kubernetes quantities.
    """

    enabled: bool = False
    node_selector: Mapping[str, str] | None = None
    service_account: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    pod_annotations: Mapping[str, str] = field(default_factory=dict)
    config_map_name: str | None = None
    config_map_mount_path: str = variables.DEFAULT_CONFIG_MAP_MOUNT_PATH
    tolerations: tuple[Toleration, ...] = ()
    plugin_cache_dir: str | None = None
    plugin_cache_claim: str = variables.DEFAULT_PLUGIN_CACHE_CLAIM
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
    secret = frozenset(hidden)
    errors: list[EphemeralSyntaxError] = []

    def read[T, D](name: str, reader: Callable[[str, str], T], default: D) -> T | D:
        try:
            return grammar.read(name, environment.get(name), reader, default)
        except EphemeralSyntaxError as error:
            # What is wrong with it may name parts of it too.
            errors.append(grammar.error(name, None, _("is written in another way")) if name in secret else error)
            return default

    def amounts(which: int) -> dict[str, str]:
        found = ((resource, read(pair[which], grammar.read_quantity, None)) for resource, pair in RESOURCES.items())
        return {resource: amount for resource, amount in found if amount is not None}

    claim = read(variables.PLUGIN_CACHE_CLAIM, grammar.read_name, None)
    no_pairs: dict[str, str] = {}
    settings = PodSettings(
        enabled=is_enabled(environment.get(variables.ENABLE)),
        node_selector=read(variables.NODE_SELECTOR, grammar.read_node_selector, None),
        service_account=read(variables.SERVICE_ACCOUNT, grammar.read_name, None),
        annotations=read(variables.ANNOTATIONS, grammar.read_annotations, no_pairs),
        labels=read(variables.LABELS, grammar.read_labels, no_pairs),
        pod_annotations=read(variables.POD_ANNOTATIONS, grammar.read_annotations, no_pairs),
        config_map_name=read(variables.CONFIG_MAP_NAME, grammar.read_name, None),
        config_map_mount_path=read(
            variables.CONFIG_MAP_MOUNT_PATH, grammar.read_mount_path, variables.DEFAULT_CONFIG_MAP_MOUNT_PATH
        ),
        tolerations=read(variables.TOLERATIONS, grammar.read_tolerations, ()),
        plugin_cache_dir=read(variables.PLUGIN_CACHE_DIR, grammar.read_mount_path, None),
        plugin_cache_claim=claim or variables.DEFAULT_PLUGIN_CACHE_CLAIM,
        plugin_cache_claim_given=claim is not None,
        pod_security=read(variables.POD_SECURITY, grammar.read_pod_security, PodSecurity()),
        allow_privilege_escalation=read(variables.CONTAINER_SECURITY, grammar.read_allow_privilege_escalation, None),
        requests=amounts(0),
        limits=amounts(1),
        env=read(variables.ENVIRONMENT, grammar.read_environment, ()),
        env_from_config_maps=read(variables.ENV_FROM_CONFIG_MAPS, grammar.read_names, ()),
    )
    errors.extend(_contradictions(settings, secret))
    if errors:
        raise EphemeralSyntaxErrors(errors)
    return settings


def _contradictions(settings: PodSettings, secret: frozenset[str]) -> Iterable[EphemeralSyntaxError]:
    """Find what is right in each variable and wrong between them."""

    def wrong(name: str, text: str, problem: str) -> EphemeralSyntaxError:
        return grammar.error(name, None if name in secret else text, problem)

    for resource, (request_name, limit_name) in RESOURCES.items():
        request, limit = settings.requests.get(resource), settings.limits.get(resource)
        if request and limit and (syntax.quantity(request) or 0) > (syntax.quantity(limit) or 0):
            more = _("is more than {limit}, the value of {name}").format(limit=limit, name=limit_name)
            if limit_name in secret:
                more = _("is more than the value of {name}").format(name=limit_name)
            yield wrong(request_name, request, more)
    cache, files = settings.plugin_cache_dir, settings.config_map_mount_path
    if cache and settings.config_map_name and f"{cache}/".startswith(f"{files}/"):
        inside = _("is in {files}, where the files of {name} are mounted, which is read-only")
        if variables.CONFIG_MAP_MOUNT_PATH in secret:
            inside = _("is where the files of {name} are mounted, which is read-only")
        problem = inside.format(files=files, name=variables.CONFIG_MAP_NAME)
        yield wrong(variables.PLUGIN_CACHE_DIR, cache, problem)
