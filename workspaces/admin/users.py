"""Users and groups: Django's own pages in the panel's dress, for administrators."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from workspaces.access import is_admin
from workspaces.admin.base import actor_of

admin.site.unregister(User)
admin.site.unregister(Group)


class AdministratorsOnly:
    """Pages that only administrators see."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_admin(actor_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(actor_of(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(actor_of(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_admin(actor_of(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(actor_of(request))


@admin.register(User)
class UserAdmin(AdministratorsOnly, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "first_name", "last_name", "is_staff", "is_active", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()
    autocomplete_fields = ("groups",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": (("first_name", "last_name"), "email")}),
        (
            _("Access"),
            {
                "description": _(
                    "What a user may do in an organization is said by its teams, which go by the names of groups. "
                    "Staff status lets a user into this panel."
                ),
                "fields": ("is_active", "is_staff", "is_superuser", "groups"),
            },
        ),
        (_("Dates"), {"fields": (("last_login", "date_joined"),)}),
    )


@admin.register(Group)
class GroupAdmin(AdministratorsOnly, DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    # Django's permissions of each model have no say here, so they are not offered.
    fields = ("name",)
    filter_horizontal = ()
