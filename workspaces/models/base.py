"""What the records share: UUID keys and who made and last changed them."""

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from terrakube_site.messages import Message
from workspaces.encryption import unreadable_fields
from workspaces.truncation import FittingField


class Record(models.Model):
    """A record with a UUID key, as Terrakube's API shows it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """Check all fields but those that cannot be decrypted: they stay as they are until they are replaced."""
        super().clean_fields(exclude={*(exclude or ()), *unreadable_fields(self)})


class NamedInWords(models.Model):
    """A record whose name is no name that a person gave, but words around one."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name_in_words.in_language

    @property
    def name_in_words(self) -> Message:
        raise NotImplementedError


class Audited(models.Model):
    """Who created and last changed a record, and when; written by the services and the admin."""

    created_by = FittingField(max_length=256, blank=True, default="", editable=False)
    created_date = models.DateTimeField(default=timezone.now, editable=False)
    updated_by = FittingField(max_length=256, blank=True, default="", editable=False)
    updated_date = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class CheckedOnChange(models.Model):
    """Check some texts when they are new or changed, so that what is stored keeps working when a check is new."""

    CHECKS: ClassVar[Mapping[str, Callable[[str], None]]] = {}
    """Each field's check, which raises ValidationError; an empty text is not checked."""

    _stored: Mapping[str, Any] = {}

    class Meta:
        abstract = True

    @property
    def checks(self) -> Mapping[str, Callable[[str], None]]:
        """The checks that count for this record as it is now."""
        return self.CHECKS

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], *args: Any, **kwargs: Any) -> Self:
        found = super().from_db(db, field_names, *args, **kwargs)
        found._stored = {name: getattr(found, name) for name in cls.CHECKS if name in field_names}
        return found

    def clean(self) -> None:
        super().clean()
        changed = [name for name in self.checks if getattr(self, name) != self._stored.get(name)]
        errors = self._errors_of(changed)
        if errors:
            raise ValidationError(errors)

    def refused_texts(self) -> Mapping[str, str]:
        """Return the fields whose stored text would be refused today, each with the sentence."""
        return {name: " ".join(error.messages) for name, error in self._errors_of(self.checks).items()}

    def _errors_of(self, names: Iterable[str]) -> dict[str, ValidationError]:
        errors = {}
        for name in names:
            try:
                if value := getattr(self, name):
                    self.checks[name](value)
            except ValidationError as error:
                errors[name] = error
        return errors
