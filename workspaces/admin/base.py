"""What all pages of the panel share: who sees and does what, by the same rules as the API, and who changed it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.forms import ModelChoiceField
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from workspaces.access import is_admin, name_of
from workspaces.errors import ServiceError
from workspaces.models import Organization
from workspaces.models.base import Audited
from workspaces.permissions import Rights, rights
from workspaces.querysets import ScopedQuerySet

ADMINISTRATOR = "administrator"
"""The right that only administrators have."""


def actor_of(request: HttpRequest) -> AbstractBaseUser | AnonymousUser:
    """Who asks, as the services want it."""
    return request.user


def rights_by_organization(request: HttpRequest) -> dict[UUID, Rights]:
    """The rights of a user who is no administrator in each organization they see; asked once a request."""
    found: dict[UUID, Rights] | None = getattr(request, "_rights_by_organization", None)
    if found is None:
        user = actor_of(request)
        found = {row.pk: rights(user, row) for row in Organization.objects.visible_to(user)}
        request._rights_by_organization = found  # type: ignore[attr-defined]
    return found


def allows(request: HttpRequest, right: str, organization_id: UUID | None = None) -> bool:
    """Whether the user has a right in an organization; without one, in any at all."""
    if not request.user.is_active:
        return False
    if is_admin(actor_of(request)):
        return True
    if right == ADMINISTRATOR:
        return False
    found = rights_by_organization(request)
    if organization_id is None:
        return any(getattr(row, right) for row in found.values())
    return organization_id in found and bool(getattr(found[organization_id], right))


def organizations_with(request: HttpRequest, right: str) -> models.QuerySet[Organization]:
    """The organizations in which the user has a right."""
    if is_admin(actor_of(request)):
        return Organization.objects.all()
    if right == ADMINISTRATOR:
        return Organization.objects.none()
    return Organization.objects.filter(
        pk__in=[pk for pk, row in rights_by_organization(request).items() if getattr(row, right)]
    )


@contextmanager
def telling(request: HttpRequest, success: str = "") -> Iterator[None]:
    """Say what came of a service: its success, or in its own words why it refused."""
    try:
        yield
    except ServiceError as error:
        messages.error(request, error.message)
    else:
        if success:
            messages.success(request, success)


class RightsMixin:
    """Permissions by the user's teams instead of Django's permissions of each model.

    ``organization_path`` leads from a record to its organization, "" when it is one; ``right`` is what changing takes,
    ``add_right`` and ``delete_right`` where they differ.
    """

    right = ADMINISTRATOR
    add_right: str | None = None
    delete_right: str | None = None
    read_right = "read"
    organization_path = "organization"

    def organization_id_of(self, record: Any) -> UUID | None:
        if not self.organization_path:
            return record.pk  # type: ignore[no-any-return]
        for name in self.organization_path.split("__"):
            record = getattr(record, f"{name}_id") if name == "organization" else getattr(record, name)
        return record  # type: ignore[no-any-return]

    def _may(self, request: HttpRequest, right: str, record: Any) -> bool:
        return allows(request, right, None if record is None else self.organization_id_of(record))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return allows(request, self.read_right)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.read_right, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.right, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.add_right or self.right, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.delete_right or self.right, obj)


class RecordAdmin(RightsMixin, ModelAdmin):  # type: ignore[misc]
    """A record of an organization: seen and changed as the user's teams allow, with its audit columns kept."""

    list_per_page = 50
    show_full_result_count = False
    compressed_fields = True
    list_filter_submit = False
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        found = super().get_queryset(request)
        if is_admin(actor_of(request)):
            return found  # type: ignore[no-any-return]
        path = self.organization_path
        allowed = [pk for pk, row in rights_by_organization(request).items() if getattr(row, self.read_right)]
        return found.filter(**{f"{path}__in" if path else "pk__in": allowed})  # type: ignore[no-any-return]

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "organization":
            kwargs["queryset"] = organizations_with(request, self.add_right or self.right)
        else:
            related: Any = db_field.remote_field.model._default_manager.all()
            if isinstance(related, ScopedQuerySet):
                kwargs["queryset"] = related.visible_to(actor_of(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[no-any-return]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = tuple(super().get_readonly_fields(request, obj))
        # A record doesn't move: what refers to it stays in its organization.
        stays = ("organization",) if obj is not None and self.organization_path == "organization" else ()
        return tuple(dict.fromkeys((*fixed, *stays)))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        sign(request, obj, change=change)
        super().save_model(request, obj, form, change)


def sign(request: HttpRequest, record: Any, *, change: bool) -> None:
    """Write into a record's audit columns who saves it."""
    if isinstance(record, Audited):
        name = name_of(actor_of(request))[:256]
        record.updated_by = name
        if not change:
            record.created_by = name


class RecordInline(RightsMixin, TabularInline):  # type: ignore[misc]
    """Rows of a record on its own page; whoever may change the record may change them."""

    extra = 0
    parent_path = "organization"

    def organization_id_of(self, record: Any) -> UUID | None:
        # An inline is asked about its parent.
        if not self.parent_path:
            return record.pk  # type: ignore[no-any-return]
        return getattr(record, f"{self.parent_path}_id")  # type: ignore[no-any-return]


AUDIT_FIELDS = ("created_by", "created_date", "updated_by", "updated_date")
AUDIT_FIELDSET = (
    "Record",
    {"classes": ("collapse",), "fields": (("created_by", "created_date"), ("updated_by", "updated_date"))},
)
