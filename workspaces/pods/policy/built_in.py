"""The built-in rules of every installation, so that no variable opens more than its own pod.

Each closes one way out of a pod that Terrakube leaves open to authors of variables. The installation's settings decide
how far they go; policies of an installation or organization can only add to them.
"""

from collections.abc import Sequence

from django.utils.translation import gettext_noop as _

from workspaces.pods import catalogue

from .rules import Effect, Level, Rule

GUIDES_ACCOUNT = "terrakube-api-service-account"
"""The account that Terrakube's guide to ephemeral agents gives the API; it may create any Job in the namespace."""

_CONTROL_PLANE = tuple(f"node-role.kubernetes.io/{role}" for role in ("control-plane", "master", "etcd"))
_ISOLATION = (
    "container.apparmor.security.beta.kubernetes.io/*",
    "seccomp.security.alpha.kubernetes.io/*",
    "container.seccomp.security.alpha.kubernetes.io/*",
    "io.kubernetes.cri-o.*",
    "io.katacontainers.*",
    "k8s.v1.cni.cncf.io/*",
    "cni.projectcalico.org/*",
)
_SELECTED = ("app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component")


def built_in_rules(
    *,
    own_accounts: Sequence[str] = (),
    service_accounts: Sequence[str] | None = None,
    claims: Sequence[str] | None = None,
    root: bool = False,
    local: bool = True,
) -> tuple[Rule, ...]:
    """Return the built-in rules of an installation.

    `own_accounts` are the site's own service accounts. `service_accounts` and `claims` are the only ones that variables
    may name, as entries of `patterns`; None allows any other. `root` lets containers run as root and gain privileges.
    Without `local` no step runs on the worker's machine.
    """
    own = tuple(dict.fromkeys((GUIDES_ACCOUNT, *own_accounts)))
    rules = [
        _rule(
            catalogue.SERVICE_ACCOUNT,
            # An empty list would allow all, so it forbids.
            effect=Effect.FORBIDDEN if service_accounts == () else Effect.LIMITED,
            allowed=tuple(service_accounts or ()),
            refused=() if service_accounts == () else own,
            reason=_(
                "Variables may name only the accounts in ExecutorEphemeralServiceAccounts, and never the site's "
                "own account, which can start any pod."
            ),
        ),
        _rule(
            catalogue.TOLERATIONS,
            refused=_CONTROL_PLANE,
            reason=_("Steps do not run on control plane nodes."),
        ),
        _rule(
            catalogue.NODE_SELECTOR,
            refused=_CONTROL_PLANE,
            reason=_("Steps do not run on control plane nodes."),
        ),
        _rule(
            catalogue.POD_ANNOTATIONS,
            refused=_ISOLATION,
            reason=_("This annotation can remove the isolation of the pod from its node and network."),
        ),
        _rule(
            catalogue.LABELS,
            refused=_SELECTED,
            reason=_("Services select their pods by these labels and would send requests to the pod of a step."),
        ),
    ]
    if claims is not None:
        rules.append(
            _rule(
                catalogue.PLUGIN_CACHE_CLAIM,
                effect=Effect.LIMITED if claims else Effect.FORBIDDEN,
                allowed=tuple(claims),
                reason=_("Variables may name only the claims in ExecutorEphemeralClaims."),
            )
        )
    if not root:
        reason = _("Only with ExecutorEphemeralAllowRoot may steps run as root or gain privileges.")
        rules.append(
            _rule(catalogue.POD_SECURITY, refused=("runAsUser=0", "runAsNonRoot=false"), reason=reason),
        )
        rules.append(_rule(catalogue.CONTAINER_SECURITY, refused=("allowPrivilegeEscalation=true",), reason=reason))
    if not local:
        reason = _("ExecutorLocal decides whether steps may run on the worker's machine, next to its keys.")
        rules.append(_rule(catalogue.ENABLE, effect=Effect.LOCKED, value="1", reason=reason))
    return tuple(rules)


def _rule(
    setting: str,
    *,
    effect: Effect = Effect.LIMITED,
    value: str = "",
    allowed: tuple[str, ...] = (),
    refused: tuple[str, ...] = (),
    reason: str = "",
) -> Rule:
    return Rule(
        setting=setting,
        level=Level.BUILT_IN,
        effect=effect,
        value=value,
        allowed=allowed,
        refused=refused,
        reason=reason,
    )
