"""Encrypted fields: ciphertext in the database, plain values in Python.

A MultiFernet of ``settings.ENCRYPTION_KEYS``: the first key encrypts, all keys decrypt, so a key can be replaced while
old rows stay readable.
"""

import zlib
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import models


class DecryptionError(Exception):
    """A stored value that none of the installation's keys decrypts."""


@lru_cache(maxsize=4)
def _cipher_of(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured("ENCRYPTION_KEYS holds no key")
    return MultiFernet([Fernet(key) for key in keys])


def cipher() -> MultiFernet:
    return _cipher_of(tuple(settings.ENCRYPTION_KEYS))


def encrypt(data: bytes) -> bytes:
    return cipher().encrypt(data)


def decrypt(token: bytes) -> bytes:
    """Decrypt a token of ``encrypt``. Raises DecryptionError, which never contains the text."""
    try:
        return cipher().decrypt(token)
    except InvalidToken:
        raise DecryptionError(
            "A stored value cannot be decrypted: its key is not among the installation's keys"
        ) from None


class _NoLookups:
    """Refuses database lookups: each encryption of a value differs, so none could match."""

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name in {"isnull", "exact"}:
            # isnull does not read the value; exact is needed for the database's own "" and NULL.
            return super().get_lookup(lookup_name)  # type: ignore[misc]
        raise FieldError(f"An encrypted field has no lookup {lookup_name}")


class EncryptedTextField(_NoLookups, models.TextField):  # type: ignore[type-arg]
    """Text encrypted at rest. Empty text and None are stored as they are."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return encrypt(text.encode()).decode() if text else text

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return decrypt(value.encode()).decode() if value else value


class EncryptedBinaryField(_NoLookups, models.BinaryField):  # type: ignore[type-arg]
    """Bytes compressed and encrypted at rest: states and plans, which contain secrets in clear text."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None:
            value = encrypt(zlib.compress(bytes(value), 1))
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> bytes | None:
        return None if value is None else zlib.decompress(decrypt(bytes(value)))
