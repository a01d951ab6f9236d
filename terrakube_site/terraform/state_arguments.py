"""Which environment variables would put the state elsewhere than on the site."""

from __future__ import annotations

import re
import shlex

ARGUMENTS = "TF_CLI_ARGS"
WORKSPACE = "TF_WORKSPACE"
HTTP = "TF_HTTP_"
_FLAG = re.compile(
    r"--?(backend-config|backend|cloud|migrate-state|force-copy|reconfigure|state-out|state)(?:=.*)?", re.DOTALL
)

# Terraform drops a backslash before any character, also in double quotes, where a shell keeps most.
_ESCAPED = re.compile(r"\\([^\s\"'\\])")


def split_arguments(text: str) -> list[str]:
    """Return the arguments in a variable as terraform and tofu split them. Raises ValueError for an open quote."""
    return shlex.split(_ESCAPED.sub(r"\1", text))


def refused_flag(key: str, text: str) -> str | None:
    """Return the first argument in a variable that chooses another backend or state file, without its value.

    None for a variable that holds no arguments, or none of these.
    """
    if key != ARGUMENTS and not key.startswith(f"{ARGUMENTS}_"):
        return None
    try:
        arguments = split_arguments(text)
    except ValueError:
        arguments = text.split()
    found = (_FLAG.fullmatch(argument) for argument in arguments)
    return next((f"-{match[1]}" for match in found if match), None)


def is_other_workspace(key: str, text: str) -> bool:
    """Return whether a variable chooses another of terraform's own workspaces than the default one."""
    return key == WORKSPACE and text not in ("", "default")
