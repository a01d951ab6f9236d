"""Variables of a workspace and of an organization."""

from collections.abc import Collection, Mapping
from typing import Any, Self
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from terrakube_site.messages import translated
from workspaces import pods
from workspaces.choices import Category
from workspaces.encryption import UNREADABLE, EncryptedTextField, is_readable
from workspaces.models.base import Record
from workspaces.models.organization import Organization
from workspaces.models.policy import policy_of
from workspaces.models.workspace import Workspace
from workspaces.querysets import OrganizationScopedQuerySet, VariableQuerySet
from workspaces.validation import hcl_values, state_arguments
from workspaces.validation.names import check_environment_key, check_terraform_key
from workspaces.validation.secrecy import without_secrets

HIDDEN = "••••••••"
"""What stands where a sensitive value would be."""


def check_value(key: str, value: str, category: str, *, hcl: bool = False, sensitive: bool = False) -> None:
    """Refuse a value that could only fail at launch. Raises ValidationError at the field ``value``."""
    if category == Category.TERRAFORM:
        refusal = hcl_values.hcl_refusal(key, value, hcl=hcl)
        if refusal:
            raise ValidationError({"value": translated(refusal)})
    if category == Category.ENV:
        refused = pods.text_refusal(key, value, hidden=sensitive)
        if refused is not None:
            raise ValidationError({"value": translated(refused)})
        if "\0" in value:
            raise ValidationError(
                {"value": _("%(key)s: an environment variable cannot contain a NUL character.") % {"key": key}}
            )


def check_key(key: str, category: str) -> None:
    """Refuse a name that a variable of the category cannot have. Raises ValidationError at the field ``key``."""
    try:
        check_environment_key(key) if category == Category.ENV else check_terraform_key(key)
    except ValidationError as error:
        raise ValidationError({"key": error}) from None


def check_policy(organization_id: UUID | None, key: str, value: str, *, sensitive: bool = False) -> None:
    """Refuse a pod setting that a policy rule does not allow. Raises ValidationError at the field ``value``."""
    refusals = policy_of(organization_id).objections(key, value, hidden=sensitive)
    if refusals:
        raise ValidationError({"value": [translated(one.message) for one in refusals]})


def check_state_stays(key: str, value: str, category: str) -> None:
    """Refuse a variable that would move the state elsewhere. Raises ValidationError at the field ``value``."""
    refused = state_arguments.state_refusal(key, value) if category == Category.ENV else None
    if refused is not None:
        raise ValidationError({"value": translated(refused)})


class AbstractVariable(Record):
    value = EncryptedTextField(blank=True, default="")
    category = models.CharField(max_length=16, choices=Category)
    sensitive = models.BooleanField(
        default=False, help_text=_("A sensitive value is never shown again and is masked in logs.")
    )
    hcl = models.BooleanField("HCL", default=False, help_text=_("The value is an HCL expression."))
    updated_date = models.DateTimeField(auto_now=True)

    key: models.CharField  # type: ignore[type-arg]
    under_policy = True
    """Whether saving checks rules that may be newer than the record; a form sets False for unchanged rows."""
    was_sensitive = False
    """Whether it was sensitive when it was read, so that its value may be the stored one still."""
    stored_name: tuple[str, str] | None = None
    """Key and category as they were read: a name that is stored already keeps working when a check is new."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.key)

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], *args: Any, **kwargs: Any) -> Self:
        found = super().from_db(db, field_names, *args, **kwargs)
        found.was_sensitive = "sensitive" in field_names and found.sensitive
        if {"key", "category"} <= set(field_names):
            found.stored_name = (found.key, found.category)
        return found

    def clean(self) -> None:
        """Refuse a value that could only fail at launch, or that a policy does not allow. Raises ValidationError.

        What is or was sensitive is quoted by no sentence, whichever check refuses it. A value that cannot be
        decrypted is checked when it is replaced.
        """
        if not is_readable(self, "value"):
            return
        sensitive = self.sensitive or self.was_sensitive
        try:
            self._check(sensitive=sensitive)
        except ValidationError as error:
            if not sensitive:
                raise
            raise without_secrets(error, self.key or "", self.value or "") from None

    def _check(self, *, sensitive: bool) -> None:
        value = self.value or ""
        if self.key and (self.key, self.category) != self.stored_name:
            check_key(self.key, self.category)
        # A sensitive variable may be created before its value; jobs are refused until then.
        hcl = self.hcl and self.under_policy and not (self.sensitive and not value.strip())
        check_value(self.key or "", value, self.category, hcl=hcl, sensitive=sensitive)
        if not self.under_policy or self.category != Category.ENV:
            return
        if self.key in pods.ALL_SETTINGS:
            check_policy(self.organization_key, self.key, value, sensitive=sensitive)
        else:
            check_state_stays(self.key or "", value, self.category)

    @property
    def organization_key(self) -> UUID | None:
        """Return the organization whose policy applies; None while the record belongs to none yet."""
        raise NotImplementedError

    def refused_texts(self) -> Mapping[str, str]:
        """Return the key with the sentence that refuses it today, or nothing."""
        try:
            check_key(self.key, self.category)
        except ValidationError as error:
            return {"key": " ".join(error.messages)}
        return {}

    @property
    def lost(self) -> bool:
        """Return whether the value cannot be decrypted."""
        return not is_readable(self, "value")

    @property
    def text_if_readable(self) -> str:
        """Return the value, or nothing if it cannot be decrypted: for checks and pages, never for a step."""
        return self.value or "" if is_readable(self, "value") else ""

    @property
    def shown_value(self) -> str:
        """Return the value for display: masked if it is sensitive, and words if it cannot be decrypted."""
        if not is_readable(self, "value"):
            return gettext(UNREADABLE)
        return HIDDEN if self.sensitive and self.value else self.value


class Variable(AbstractVariable):
    """A workspace's variable; its key is unique across both categories."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="variables")
    key = models.CharField(max_length=1024)
    description = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001 - null is a value of the API

    objects = VariableQuerySet.as_manager()

    class Meta:
        ordering = ("category", "key")
        constraints = (
            models.UniqueConstraint(fields=("workspace", "key"), name="one_variable_of_a_key_in_a_workspace"),
        )
        indexes = (
            models.Index(fields=("key", "workspace"), name="variable_by_key"),
            # The order of the list of all variables, which shows fifty of hundreds of thousands.
            models.Index(fields=("category", "key", "-id"), name="variable_in_order"),
        )

    @property
    def organization_key(self) -> UUID | None:
        # One that is being entered may have none yet.
        workspace: Workspace | None = getattr(self, "workspace", None)
        return None if workspace is None else workspace.organization_id

    @property
    def incomplete(self) -> bool:
        """Return whether it is sensitive and has no value yet: jobs of its workspace are refused until it has one."""
        return self.sensitive and is_readable(self, "value") and not self.value.strip()


class GlobalVariable(AbstractVariable):
    """An organization's variable, for all of its workspaces (``globalvar`` in the API)."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="globalvars")
    key = models.CharField(max_length=1024)
    description = models.CharField(max_length=128, blank=True, default="")

    objects = OrganizationScopedQuerySet.as_manager()

    class Meta:
        ordering = ("category", "key")
        verbose_name = "organization variable"
        constraints = (
            models.UniqueConstraint(fields=("organization", "key"), name="one_variable_of_a_key_in_an_organization"),
        )

    @property
    def organization_key(self) -> UUID | None:
        return self.organization_id
