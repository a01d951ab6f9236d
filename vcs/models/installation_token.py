"""Tokens of a GitHub App, one for each installation and what it is narrowed to."""

from django.db import models

from workspaces.encryption import EncryptedTextField
from workspaces.models import Vcs


class InstallationToken(models.Model):
    """A token by which a connection's App acts for one account; minted again before it expires.

    ``owner`` is the account, in lower case. ``scope`` is what the token is narrowed to: empty for all that the
    installation may do, else a repository's name and whether it only reads. While ``lease_until`` is in the future,
    one process mints the token.
    """

    vcs = models.ForeignKey(Vcs, on_delete=models.CASCADE, related_name="installation_tokens")
    owner = models.CharField(max_length=255)
    scope = models.CharField(max_length=255, blank=True, default="")
    token = EncryptedTextField(blank=True, default="")
    minted_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("vcs", "owner", "scope"), name="one_token_of_an_installation"),)
        verbose_name = "installation token"

    def __str__(self) -> str:
        return f"{self.owner} {self.scope}".strip()
