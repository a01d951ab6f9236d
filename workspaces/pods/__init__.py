"""The grammar of the variables that shape the pod of a step: text to `PodSettings`, and back.

All of them are environment variables of a workspace, collection or organization, named as in Terrakube. They are
checked when they are saved (`validate`) and read together when a step is launched (`pod_settings`), by the same
readers. What this module decides where Terrakube leaves it open or to the cluster:

- Spaces around a text, and around each item, key and value in it, do not count.
- An empty text is as good as no variable, with two exceptions. Empty `EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS` is a node
  selector without entries, which takes the installation's away. Empty `EPHEMERAL_CONFIG_TOLERATIONS` would tolerate
  every taint in Terrakube; it is refused.
- A name that begins with EPHEMERAL_ may end with `_PLAN`, `_APPLY` or `_DESTROY`: it then counts in the steps of that
  type, and there wins over the plain name, whoever sets either.
- Of a key that is given twice the last value counts.
- A text that begins with `[` or `{` is refused: it is kept for a longer form, in YAML or JSON, that can say what the
  short one cannot (the seconds of a toleration, a `;` in a value). No valid short form begins so. The place for it
  is `grammar._items`, through which all lists are read.
"""

from .catalogue import ALL_SETTINGS, CONTROL_KEYS, SETTINGS, Kind, Setting, is_control_key
from .grammar import (
    RESERVED_ENVIRONMENT,
    RESERVED_LABEL_PREFIX,
    RESERVED_LABELS,
    EphemeralSyntaxError,
    EphemeralSyntaxErrors,
    PodSecurity,
    Toleration,
    is_enabled,
    node_selector,
    parse,
    text_refusal,
    validate,
)
from .rendering import render_names, render_pairs, render_pod_security, render_tolerations
from .settings import PodSettings, pod_settings, wrong_settings
from .step_types import for_step, name_for, step_ending

__all__ = [
    "ALL_SETTINGS",
    "CONTROL_KEYS",
    "RESERVED_ENVIRONMENT",
    "RESERVED_LABELS",
    "RESERVED_LABEL_PREFIX",
    "SETTINGS",
    "EphemeralSyntaxError",
    "EphemeralSyntaxErrors",
    "Kind",
    "PodSecurity",
    "PodSettings",
    "Setting",
    "Toleration",
    "for_step",
    "is_control_key",
    "is_enabled",
    "name_for",
    "node_selector",
    "parse",
    "pod_settings",
    "render_names",
    "render_pairs",
    "render_pod_security",
    "render_tolerations",
    "step_ending",
    "text_refusal",
    "validate",
    "wrong_settings",
]
