"""The installation's keys: from the environment, or created once and stored in the data folder.

The second is for the embedded default on one machine. Processes on several machines must share keys, so there they come
from the environment.
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from terrakube_site import env

FILE_NAME = "keys.json"
_ENCRYPTION_BYTES = 32


class Keys(NamedTuple):
    """``generated`` names the unset environment variables whose keys come from the data folder."""

    secret_key: str
    encryption_keys: tuple[str, ...]
    internal_secret: str
    pat_secret: str
    generated: frozenset[str]


def _random() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _long() -> str:
    return secrets.token_urlsafe(48)


def _kept(folder: Path) -> dict[str, str]:
    path = folder / FILE_NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = ("secret_key", "encryption_key", "internal_secret", "pat_secret")
        own = path.with_name(f".{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
        with open(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump({name: _random() for name in names} | {"secret_key": _long()}, file)
        try:
            # A link never replaces an existing file, so when several processes start at once the first one's keys stay.
            os.link(own, path)
        except FileExistsError:
            pass
        finally:
            own.unlink()
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


# Published with Terrakube's own examples, so they are public; as text and as the base64 in its settings.
PUBLISHED = frozenset(
    {"Kb^8cMerPNZV6hS!9!kcD*KuUPUBa^B3", "z6QHX!y@Nep2QDT!53vgH43^PjRXyC3X", "AxxPdgpCi72f8WhMXCTGhtfMRp6AuBfj"}
)
LEAST_KINDS = 8
"""How many different characters a secret has at the least; a repeated word is none."""


def refuse_unsafe(given: Mapping[str, str | tuple[str, ...] | None]) -> None:
    """Raise SettingError for a key that is missing, public, or easy to guess."""
    own = "a text of your own that all processes get, as from: openssl rand -hex 32"
    for name, value in given.items():
        texts = value if isinstance(value, tuple) else (value,) if value else ()
        if not texts:
            raise env.SettingError(name, None, own)
        for text in texts:
            try:
                plain = base64.b64decode(text, validate=True).decode()
            except ValueError:
                plain = text
            if {text, plain} & PUBLISHED or len(set(text)) < LEAST_KINDS or "change-me" in text.lower():
                raise env.SettingError(name, env.HIDDEN, own)


def _check_encryption_key(text: str) -> None:
    try:
        size = len(base64.urlsafe_b64decode(text))
    except ValueError:
        size = 0
    if size != _ENCRYPTION_BYTES:
        allowed = "Fernet keys with commas between them, as manage.py rotate_keys --new prints one"
        raise env.SettingError("TERRAKUBE_ENCRYPTION_KEYS", env.HIDDEN, allowed)


def load(given: dict[str, str | tuple[str, ...] | None], folder: Path) -> Keys:
    """Return the given keys, and stored ones of a folder for those that are None or empty.

    ``given`` has TERRAKUBE_SECRET_KEY, TERRAKUBE_ENCRYPTION_KEYS, InternalSecret and PatSecret. Raises SettingError for
    an invalid encryption key.
    """
    for key in given["TERRAKUBE_ENCRYPTION_KEYS"] or ():
        _check_encryption_key(key)
    missing = frozenset(name for name, value in given.items() if not value)
    kept = _kept(folder) if missing else {}
    return Keys(
        secret_key=str(given["TERRAKUBE_SECRET_KEY"] or kept["secret_key"]),
        encryption_keys=tuple(given["TERRAKUBE_ENCRYPTION_KEYS"] or (kept["encryption_key"],)),
        internal_secret=str(given["InternalSecret"] or kept["internal_secret"]),
        pat_secret=str(given["PatSecret"] or kept["pat_secret"]),
        generated=missing,
    )
