"""Typed readers of environment variables, and the declaration of a variable that is read by one of them.

Each reader takes the environment (any mapping), the variable's name and what counts when it is not set, and raises
`SettingError` with a sentence that names the variable, its value and what is allowed. Spaces around a value never
count. A variable that is set but empty counts as not set, with two exceptions: an empty flag is off and an empty
comma list has no items, so that both can be used to take a default away.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import EllipsisType
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

type Environ = Mapping[str, str]

ON = frozenset({"1", "true", "yes", "on"})
OFF = frozenset({"", "0", "false", "no", "off"})
HIDDEN = "(hidden)"

_DURATION = re.compile(r"(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s)?", re.ASCII)
_WHOLE_NUMBER = re.compile(r"[+-]?\d+", re.ASCII)
# More digits than any setting needs, and few enough that int() never refuses them.
_MAX_DIGITS = 18


class SettingError(Exception):
    """One environment variable has a value that is not allowed.

    `value` is `HIDDEN` for a secret and None when the variable is missing.
    """

    def __init__(self, name: str, value: str | None, allowed: str) -> None:
        self.name = name
        self.value = value
        self.allowed = allowed
        if value is None:
            said = f"{name} is not set"
        elif value == HIDDEN:
            said = f"{name} has a value that is not allowed (not shown, it is a secret)"
        else:
            said = f'{name} is "{value}"'
        super().__init__(f"{said}; allowed is {allowed}.")


class SettingErrors(Exception):
    """Several environment variables are wrong; `errors` has one `SettingError` for each."""

    def __init__(self, errors: Collection[SettingError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


def text[D](environ: Environ, name: str, default: D, *, pattern: str = "", allowed: str = "") -> str | D:
    """Read a text; with `pattern` (a regular expression) all of it has to match, and `allowed` says that in words."""
    value = _value(environ, name)
    if not value:
        return default
    if pattern and not re.fullmatch(pattern, value):
        raise SettingError(name, value, allowed or f"a text that matches {pattern}")
    return value


def secret[D](environ: Environ, name: str, default: D, *, minimum_length: int = 0) -> str | D:
    """Read a text that no error message may show; `minimum_length` is in characters."""
    value = _value(environ, name)
    if not value:
        return default
    if len(value) < minimum_length:
        raise SettingError(name, HIDDEN, f"a text of {minimum_length} characters or more")
    return value


def flag[D](environ: Environ, name: str, default: D) -> bool | D:
    """Read a switch; set but empty is off."""
    if name not in environ:
        return default
    value = _value(environ, name)
    if value.lower() in ON:
        return True
    if value.lower() in OFF:
        return False
    raise SettingError(name, value, "1, true, yes or on; or 0, false, no, off or nothing")


def integer[D](
    environ: Environ, name: str, default: D, *, minimum: int | None = None, maximum: int | None = None
) -> int | D:
    """Read a whole number between `minimum` and `maximum`, both included; None is no limit."""
    value = _value(environ, name)
    if not value:
        return default
    number = int(value) if _WHOLE_NUMBER.fullmatch(value) and len(value) <= _MAX_DIGITS else None
    if number is None or not _within(number, minimum, maximum):
        raise SettingError(name, value, "a whole number" + _range(minimum, maximum))
    return number


def seconds[D](
    environ: Environ, name: str, default: D, *, minimum: int | None = None, maximum: int | None = None
) -> int | D:
    """Read a duration as seconds: `90`, or with units, largest first: `45s`, `10m`, `6h`, `1d12h`."""
    value = _value(environ, name)
    if not value:
        return default
    number = _duration(value) if len(value) <= _MAX_DIGITS else None
    if number is None or not _within(number, minimum, maximum):
        raise SettingError(
            name,
            value,
            "a number of seconds" + _range(minimum, maximum) + ", also written with units as in 90s, 10m, 6h",
        )
    return number


def choice[D](environ: Environ, name: str, default: D, choices: Collection[str]) -> str | D:
    """Read one of `choices`; upper and lower case count."""
    value = _value(environ, name)
    if not value:
        return default
    if value not in choices:
        raise SettingError(name, value, "one of " + ", ".join(choices))
    return value


def comma_list[D](environ: Environ, name: str, default: D) -> tuple[str, ...] | D:
    """Read names separated by commas, each trimmed, blank ones left out; set but empty is no names."""
    if name not in environ:
        return default
    return tuple(item for part in environ[name].split(",") if (item := part.strip()))


def choices[D](environ: Environ, name: str, default: D, allowed: Collection[str]) -> tuple[str, ...] | D:
    """Read a comma list whose items are among the allowed ones."""
    found = comma_list(environ, name, None)
    if found is None:
        return default
    if not found or not set(found) <= set(allowed):
        raise SettingError(name, environ[name], "a comma list of " + ", ".join(allowed))
    return found


def url[D](environ: Environ, name: str, default: D, *, schemes: Collection[str] = ("http", "https")) -> str | D:
    """Read an absolute URL without query, fragment and login; the slash at its end is taken away."""
    value = _value(environ, name)
    if not value:
        return default
    allowed = f"an address such as {next(iter(schemes))}://host:port/path"
    try:
        parts = urlsplit(value)
        login, _ = parts.username, parts.port  # reading the port is what finds a wrong one
    except ValueError:
        raise SettingError(name, value, allowed) from None
    if login is not None:
        # A login in an address is a password more often than not, so the value is not repeated.
        raise SettingError(name, HIDDEN, allowed + ", with no login in it")
    if parts.scheme not in schemes or not parts.hostname or parts.query or parts.fragment or re.search(r"\s", value):
        raise SettingError(name, value, allowed)
    return value.rstrip("/")


def path[D](environ: Environ, name: str, default: D) -> Path | D:
    """Read an absolute path of the file system; `~` is the home directory. Whether it exists is not looked at."""
    value = _value(environ, name)
    if not value:
        return default
    try:
        found = Path(value).expanduser()
    except RuntimeError:
        found = Path(value)
    if not found.is_absolute() or "\0" in value:
        raise SettingError(name, value, "an absolute path")
    return found


def time_zone[D](environ: Environ, name: str, default: D) -> str | D:
    """Read the name of a time zone of the IANA database."""
    value = _value(environ, name)
    if not value:
        return default
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise SettingError(name, value, "a name of the IANA database, such as UTC or Europe/Berlin") from None
    return value


def _value(environ: Environ, name: str) -> str:
    return environ.get(name, "").strip()


def _duration(value: str) -> int | None:
    if re.fullmatch(r"\d+", value, re.ASCII):
        return int(value)
    match = _DURATION.fullmatch(value.lower())
    if not match or not any(match.groups()):
        return None
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def _within(number: int, minimum: int | None, maximum: int | None) -> bool:
    return (minimum is None or number >= minimum) and (maximum is None or number <= maximum)


def _range(minimum: int | None, maximum: int | None) -> str:
    if minimum is not None and maximum is not None:
        return f" from {minimum} to {maximum}"
    if minimum is not None:
        return f" of {minimum} or more"
    if maximum is not None:
        return f" of {maximum} or less"
    return ""


# ---- declarations ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting[T]:
    """One environment variable: how it is read, its value when it is not set, and its documentation.

    ``kind`` and ``shown_default`` are what the documentation says; a ``shown_default`` of None is no default.
    """

    name: str
    default: T
    reader: Callable[..., Any]
    help: str
    kind: str
    shown_default: str | None
    secret: bool

    def read(self, environ: Environ) -> T:
        """Read the variable. Raises SettingError."""
        return self.reader(environ, self.name, self.default)  # type: ignore[no-any-return]

    def read_or[D](self, environ: Environ, default: D) -> T | D:
        """Read the variable with a default that depends on other settings. Raises SettingError."""
        return self.reader(environ, self.name, default)  # type: ignore[no-any-return]


_KINDS: Mapping[Callable[..., Any], str] = {
    text: "text",
    secret: "text",
    flag: "switch",
    integer: "whole number",
    seconds: "duration",
    choice: "choice",
    comma_list: "list",
    choices: "list",
    url: "URL",
    path: "absolute path",
    time_zone: "time zone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Settings of one subject in the order of their documentation; ``read_by`` are the processes that read them."""

    title: str
    read_by: str
    intro: str = ""
    settings: list[Setting[Any]] = field(default_factory=list)

    def add[T](
        self,
        reader: Callable[..., T],
        name: str,
        default: T,
        help: str,
        *,
        kind: str = "",
        is_secret: bool = False,
        shown_default: str | EllipsisType | None = ...,
        **limits: Any,
    ) -> Setting[T]:
        """Declare a setting. ``kind``, secrecy and the shown default follow from the reader and the default.

        ``limits`` are further arguments of the reader.
        """
        setting = Setting(
            name=name,
            default=default,
            reader=partial(reader, **limits) if limits else reader,
            help=help,
            kind=kind or _KINDS[reader],
            shown_default=_shown(default) if isinstance(shown_default, EllipsisType) else shown_default,
            secret=is_secret or reader is secret,
        )
        self.settings.append(setting)
        return setting


def _shown(default: object) -> str | None:
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return ",".join(default) or None
    return None if default is None or default == "" else str(default)
