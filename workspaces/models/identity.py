"""The identity of a user at the installation's OpenID Connect issuer."""

from django.conf import settings
from django.db import models


class Identity(models.Model):
    """A user of an issuer, by the subject that the issuer never reuses; the user's groups come from there."""

    LONGEST_SUBJECT = 255

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identity")
    issuer = models.CharField(max_length=512)
    subject = models.CharField(max_length=LONGEST_SUBJECT)

    class Meta:
        verbose_name_plural = "identities"
        constraints = (models.UniqueConstraint(fields=("issuer", "subject"), name="one_user_of_an_identity"),)

    def __str__(self) -> str:
        return self.subject
