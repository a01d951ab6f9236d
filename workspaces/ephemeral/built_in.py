"""The rules that hold in every installation, so that no variable opens more than its own pod.

Each closes one way out of a pod that Terrakube leaves to whoever writes a variable. The installation's settings say
how far they go; an installation's or organization's policy can only add to them.
"""

from collections.abc import Sequence

from django.utils.translation import gettext_noop as _

from . import variables
from .policy import Effect, Level, Rule

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

    `own_accounts` are those that the site itself runs as. `service_accounts` and `claims` are the only ones that
    variables may name, as entries of `patterns`; None is any other. `root` lets containers run as root and gain
    privileges. Without `local` no step runs on the worker's machine.
    """
    own = tuple(dict.fromkeys((GUIDES_ACCOUNT, *own_accounts)))
    rules = [
        _rule(
            variables.SERVICE_ACCOUNT,
            # An empty list would allow all, so it forbids.
            effect=Effect.FORBIDDEN if service_accounts == () else Effect.LIMITED,
            allowed=tuple(service_accounts or ()),
            refused=() if service_accounts == () else own,
            reason=_(
                "The accounts that variables may name are those of ExecutorEphemeralServiceAccounts, without the "
                "site's own, which can start any pod."
            ),
        ),
        _rule(
            variables.TOLERATIONS,
            refused=_CONTROL_PLANE,
            reason=_("Steps do not run on the nodes of the control plane."),
        ),
        _rule(
            variables.NODE_SELECTOR,
            refused=_CONTROL_PLANE,
            reason=_("Steps do not run on the nodes of the control plane."),
        ),
        _rule(
            variables.POD_ANNOTATIONS,
            refused=_ISOLATION,
            reason=_("Such an annotation can take away what keeps the pod apart from its node and its network."),
        ),
        _rule(
            variables.LABELS,
            refused=_SELECTED,
            reason=_("By these labels services find their pods, and a step's pod would get their requests."),
        ),
    ]
    if claims is not None:
        rules.append(
            _rule(
                variables.PLUGIN_CACHE_CLAIM,
                effect=Effect.LIMITED if claims else Effect.FORBIDDEN,
                allowed=tuple(claims),
                reason=_("The claims that variables may name are those of ExecutorEphemeralClaims."),
            )
        )
    if not root:
        reason = _("ExecutorEphemeralAllowRoot lets steps run as root and gain privileges.")
        rules.append(
            _rule(variables.POD_SECURITY, refused=("runAsUser=0", "runAsNonRoot=false"), reason=reason),
        )
        rules.append(_rule(variables.CONTAINER_SECURITY, refused=("allowPrivilegeEscalation=true",), reason=reason))
    if not local:
        reason = _("ExecutorLocal says whether steps may run on the machine of the worker, beside its keys.")
        rules.append(_rule(variables.ENABLE, effect=Effect.LOCKED, value="1", reason=reason))
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
