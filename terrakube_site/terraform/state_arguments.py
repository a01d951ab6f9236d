"""Which environment variables would put the state elsewhere than on the site."""

from __future__ import annotations

import re

ARGUMENTS = "TF_CLI_ARGS"
WORKSPACE = "TF_WORKSPACE"
HTTP = "TF_HTTP_"
_FLAG = re.compile(
    r"--?(backend-config|backend|cloud|migrate-state|force-copy|reconfigure|state-out|state)(?:=.*)?", re.DOTALL
)
_SPACE = frozenset(" \t\r\n")
_QUOTES = frozenset("\"'")
_ENDS = frozenset(";&|<>")
# Versions read quotes inside of `...` and $(...) in different ways.
_UNCLEAR = frozenset("`()")
_MASKING = re.compile(r"[\\\"'`]")


def split_arguments(text: str) -> list[str]:
    """Return the arguments in a variable as terraform and tofu split them, which is not as a shell does.

    A backslash is dropped before any character, also in double quotes; one of `;&|<>` outside of quotes ends the
    arguments, whatever follows. Raises ValueError for an open quote, and for a backtick or parenthesis outside of
    quotes.
    """
    return _split(text)[0]


def _split(text: str) -> tuple[list[str], str]:
    """Return the arguments, and the text behind what ends them. Raises ValueError."""
    arguments: list[str] = []
    argument: str | None = None
    quote = ""
    characters = iter(enumerate(text))
    for at, character in characters:
        if character == "\\" and quote != "'":
            following = next(characters, None)
            if following is None:
                raise ValueError("a backslash at the end")
            argument = (argument or "") + following[1]
        elif quote:
            quote = "" if character == quote else quote
            argument = (argument or "") + ("" if not quote else character)
        elif character in _QUOTES:
            quote = character
        elif character in _UNCLEAR:
            raise ValueError("a backtick or parenthesis outside of quotes")
        elif character not in _SPACE and character not in _ENDS:
            argument = (argument or "") + character
        else:
            if argument is not None and not (character == ">" and argument.isdecimal()):
                arguments.append(argument)
            argument = None
            if character in _ENDS:
                return arguments, text[at + 1 :]
    if quote:
        raise ValueError("a quote is open")
    return [*arguments, *([] if argument is None else [argument])], ""


def refused_flag(key: str, text: str) -> str | None:
    """Return the first argument in a variable that chooses another backend or state file, without its value.

    None for a variable that holds no arguments, or none of these.
    """
    if key != ARGUMENTS and not key.startswith(f"{ARGUMENTS}_"):
        return None
    try:
        arguments, ignored = _split(text)
    except ValueError:
        arguments, ignored = [], text
    # What some version may read in another way is read without any quotes.
    arguments += _MASKING.sub("", ignored).split()
    found = (_FLAG.fullmatch(argument) for argument in arguments)
    return next((f"-{match[1]}" for match in found if match), None)


def is_other_workspace(key: str, text: str) -> bool:
    """Return whether a variable chooses another of terraform's own workspaces than the default one."""
    return key == WORKSPACE and text not in ("", "default")
