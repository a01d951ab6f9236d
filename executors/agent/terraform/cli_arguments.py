"""Split a command's own TF_CLI_ARGS between the plan and the apply that replace it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

from terrakube_site.terraform.state_arguments import split_arguments

_ONLY_APPLY = frozenset({"auto-approve"})
_ONLY_PLAN = frozenset(
    {"destroy", "exclude", "exclude-file", "invoke", "refresh", "refresh-only", "replace", "target", "target-file"}
)
# These have their value as a word of its own where they have no "=".
_WITH_VALUE = _ONLY_PLAN - {"destroy", "refresh", "refresh-only"} | frozenset(
    {"backup", "deprecation", "json-into", "lock-timeout", "parallelism", "state", "state-out", "var", "var-file"}
)


def for_plan(arguments: str) -> str:
    """Return the arguments of an apply or destroy as its plan takes them."""
    return _chosen(arguments, lambda name, value: name not in _ONLY_APPLY)


def for_apply_of_plan(arguments: str, *, may_give: Callable[[str], bool]) -> str:
    """Return the arguments of an apply or destroy as the apply of its plan takes them.

    A plan holds its variables; ``may_give`` says of a name whether its value is given once more. The name is empty for
    a file of variables.
    """

    def is_kept(name: str, value: str) -> bool:
        if name in ("var", "var-file"):
            return may_give(value.partition("=")[0].strip() if name == "var" else "")
        return name not in _ONLY_PLAN

    return _chosen(arguments, is_kept)


def _chosen(arguments: str, is_kept: Callable[[str, str], bool]) -> str:
    try:
        words = split_arguments(arguments)
    except ValueError:
        # terraform says best what is wrong with them.
        return arguments
    return shlex.join(word for name, value, taken in _options(words) if is_kept(name, value) for word in taken)


def _options(words: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """(name, value, words) of each option; the name is empty for a word that is none."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            yield "", word, [word]
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if equals or name not in _WITH_VALUE:
            yield name, value, [word]
            continue
        following = next(rest, None)
        yield name, following or "", [word] if following is None else [word, following]
