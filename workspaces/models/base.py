"""What the records share: UUID keys and who made and last changed them."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone


class Record(models.Model):
    """A record with a UUID key, as Terrakube's API shows it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    NAMES: ClassVar[tuple[str, ...]] = ()
    """The formats of the names that its history keeps, where such a name has words of ours in it."""

    class Meta:
        abstract = True


class Audited(models.Model):
    """Who created and last changed a record, and when; written by the services and the admin."""

    created_by = models.CharField(max_length=256, blank=True, default="", editable=False)
    created_date = models.DateTimeField(default=timezone.now, editable=False)
    updated_by = models.CharField(max_length=256, blank=True, default="", editable=False)
    updated_date = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
