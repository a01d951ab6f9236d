"""The log of an attempt, in pieces."""

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from executors.models.attempt import Attempt


class LogChunk(models.Model):
    """A piece of an attempt's log at its byte offset; without ``data`` it stands for lost bytes.

    ``stored_at`` is when it arrived, None if the log came whole after its end.
    """

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="log_chunks")
    offset = models.BigIntegerField()
    size = models.BigIntegerField()
    data = models.BinaryField(null=True)
    stored_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("offset",)
        constraints = (models.UniqueConstraint(fields=("attempt", "offset"), name="one_log_chunk_at_an_offset"),)

    def __str__(self) -> str:
        return f"{self.offset}+{self.size}"


class LogCursor(models.Model):
    """Position up to which log lines of Terrakube's own executor were copied to an attempt's log."""

    attempt = models.OneToOneField(Attempt, on_delete=models.CASCADE, primary_key=True, related_name="log_cursor")
    stream_id = models.CharField(max_length=41, blank=True, default="", help_text=_("Of the last Redis entry."))
    line_numbers = models.JSONField(default=list, help_text=_("Those that came by HTTP, as [first, last] ranges."))

    def __str__(self) -> str:
        return self.stream_id or gettext("at the start")
