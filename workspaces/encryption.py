"""Encrypted fields: ciphertext in the database, plain values in Python.

A MultiFernet of ``settings.ENCRYPTION_KEYS``: the first key encrypts, all keys decrypt, so a key can be replaced while
old rows stay readable. A row with a value whose key was lost is read as any other, so that lists, forms and the audit
log bear it and the value can be replaced; reading that value itself raises DecryptionError, and it is never empty.
"""

import zlib
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import models
from django.db.models.query_utils import DeferredAttribute
from django.utils.translation import gettext_noop as _
from django.utils.translation import override

from terrakube_site.messages import Message, message

UNREADABLE = _("Cannot be read; replace it")
"""What stands where a value would be whose encryption key was lost."""

_LOST = "A stored value cannot be decrypted: its key is not among the installation's keys"


class DecryptionError(Exception):
    """A stored value that none of the installation's keys decrypts."""

    @property
    def sentence(self) -> Message:
        """Which value is lost, as far as that is known, and what to do about it."""
        return message(
            _(
                "A stored value cannot be read, because its encryption key was lost. Replace the value, or give the "
                "installation that key again."
            )
        )


class UnreadableValue(DecryptionError, AttributeError):
    """The value of a record's field cannot be decrypted. django-auditlog takes an AttributeError for no value."""

    def __init__(self, record: models.Model, field: str) -> None:
        super().__init__(_LOST)
        self.record = record
        self.field = field

    @property
    def sentence(self) -> Message:
        meta = self.record._meta
        try:
            name = str(self.record)
        except DecryptionError:
            name = str(self.record.pk)
        with override("en"):
            what, record = str(meta.get_field(self.field).verbose_name), str(meta.verbose_name)  # type: ignore[union-attr]
        return message(
            _(
                'The {what} of the {record} "{name}" cannot be read, because its encryption key was lost. Give the '
                "installation that key again."
            )
            if isinstance(meta.get_field(self.field), models.BinaryField)
            else _(
                'The {what} of the {record} "{name}" cannot be read, because its encryption key was lost. Replace it, '
                "or give the installation that key again."
            ),
            what=what,
            record=record,
            name=name,
        )


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
        raise DecryptionError(_LOST) from None


class _Unreadable:
    """Stands for a value that cannot be decrypted, and is written back as it was stored; all other use raises."""

    __slots__ = ("stored",)

    def __init__(self, stored: str | bytes) -> None:
        self.stored = stored

    def __repr__(self) -> str:
        return "<unreadable>"

    def _refuse(self, *_arguments: object) -> Any:
        raise DecryptionError(_LOST)

    __str__ = __format__ = __bool__ = __len__ = __iter__ = __eq__ = __bytes__ = __contains__ = _refuse
    __hash__ = None  # type: ignore[assignment]


class _Readable(DeferredAttribute):
    """The attribute of an encrypted field. Raises UnreadableValue where the stored value cannot be decrypted."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, _Unreadable):
            raise UnreadableValue(instance, self.field.attname)
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        # Without it the value in the record's own dictionary would count, and nothing be asked.
        instance.__dict__[self.field.attname] = value


def is_lost(value: object) -> bool:
    """Return whether a value, as a query without records has it, cannot be decrypted."""
    return isinstance(value, _Unreadable)


def is_readable(record: models.Model, name: str) -> bool:
    """Return whether the value of an encrypted field can be decrypted; True for every other field."""
    try:
        return not isinstance(record.__dict__[name], _Unreadable)
    except KeyError:
        pass
    try:
        getattr(record, name)
    except DecryptionError:
        return False
    return True


def readable(record: models.Model, name: str) -> Any:
    """Return the value of an encrypted field; None also for one that cannot be decrypted.

    For pages that show the rest of a record, never for what a step is made of.
    """
    return getattr(record, name) if is_readable(record, name) else None


def unreadable_fields(record: models.Model) -> set[str]:
    """Return the names of a record's loaded fields whose values cannot be decrypted."""
    return {name for name, value in record.__dict__.items() if isinstance(value, _Unreadable)}


class _Encrypted:
    """An encrypted field; it refuses lookups: each encryption of a value differs, so none could match."""

    descriptor_class: type = _Readable
    attname: str

    def value_from_object(self, instance: models.Model) -> Any:
        # A form is made of it, which must not fail.
        return instance.__dict__[self.attname] if self.attname in instance.__dict__ else getattr(instance, self.attname)

    def pre_save(self, instance: models.Model, add: bool) -> Any:
        return self.value_from_object(instance)

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name in {"isnull", "exact"}:
            # isnull does not read the value; exact is needed for the database's own "" and NULL.
            return super().get_lookup(lookup_name)  # type: ignore[misc]
        raise FieldError(f"An encrypted field has no lookup {lookup_name}")


class EncryptedTextField(_Encrypted, models.TextField):  # type: ignore[type-arg]
    """Text encrypted at rest. Empty text and None are stored as they are."""

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, _Unreadable):
            return value.stored
        text = super().get_prep_value(value)
        return encrypt(text.encode()).decode() if text else text

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        try:
            return decrypt(value.encode()).decode() if value else value
        except DecryptionError:
            return _Unreadable(value or "")


class EncryptedBinaryField(_Encrypted, models.BinaryField):  # type: ignore[type-arg]
    """Bytes compressed and encrypted at rest: states and plans, which contain secrets in clear text."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, _Unreadable):
            value = value.stored
        elif value is not None:
            value = encrypt(zlib.compress(bytes(value), 1))
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        try:
            return None if value is None else zlib.decompress(decrypt(bytes(value)))
        except DecryptionError:
            return _Unreadable(bytes(value))
