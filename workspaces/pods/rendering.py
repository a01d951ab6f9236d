"""Write values back as the text of their variable, for an editor; parsing returns the same value."""

from collections.abc import Iterable, Mapping

from .catalogue import DEFAULT_FS_GROUP
from .grammar import LEFT_OUT, PodSecurity, Toleration


def render_pairs(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """Write pairs as `key=value;key=value`; raises ValueError for what the grammar cannot carry."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return ";".join(_render_pair(key, value) for key, value in items)


def render_tolerations(tolerations: Iterable[Toleration]) -> str:
    """Write tolerations in the shortest way; of none, an empty text: the variable is to be deleted then."""
    return ";".join(_render_toleration(toleration) for toleration in tolerations)


def render_names(names: Iterable[str]) -> str:
    """Write names separated by commas."""
    return ",".join(names)


def render_pod_security(security: PodSecurity) -> str:
    """Write the pod's security context; what is at its default is left out."""
    pairs = {}
    if security.fs_group != DEFAULT_FS_GROUP:
        pairs["fsGroup"] = LEFT_OUT if security.fs_group is None else str(security.fs_group)
    if security.user_left_out:
        pairs["runAsUser"] = LEFT_OUT
    elif security.run_as_user is not None:
        pairs["runAsUser"] = str(security.run_as_user)
    if security.run_as_non_root is not None:
        pairs["runAsNonRoot"] = str(security.run_as_non_root).lower()
    return render_pairs(pairs)


def _render_pair(key: str, value: str) -> str:
    if not key or "=" in key or ";" in key + value or (key, value) != (key.strip(), value.strip()):
        raise ValueError(f"{key!r} cannot be written: key and value take no ';' and no space at their ends")
    return f"{key}={value}"


def _render_toleration(toleration: Toleration) -> str:
    text = f"{toleration.key}={toleration.value}" if toleration.value else toleration.key
    if toleration.effect:
        return f"{text}:{toleration.operator}:{toleration.effect}"
    return text if toleration.operator == "Exists" else f"{text}:{toleration.operator}"
