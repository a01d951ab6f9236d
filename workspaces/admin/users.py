"""Users and groups: Django's own pages in the panel's style, for administrators."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import Media
from django.http import HttpRequest
from django.urls import URLPattern, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from workspaces.actors import is_admin
from workspaces.admin import who_may
from workspaces.admin.base import LIST_SCRIPTS, actor_of, without_links, without_menu
from workspaces.admin.changes import History
from workspaces.admin.related_choices import RecordSelectMultiple
from workspaces.display import age_column, clock
from workspaces.models import Team

_WORDS = {
    "username": (_("Username"), _("Letters, digits and @ . + - _ only.")),
    "email": (_("Email"), ""),
    "is_active": (
        _("Active"),
        _(
            "An inactive user cannot sign in. Deactivate users instead of deleting them, so that the history keeps "
            "their names."
        ),
    ),
    "is_staff": (_("Can use this panel"), ""),
    "is_superuser": (_("Administrator"), _("Has all rights in every organization.")),
    "groups": (_("Groups"), _("The groups decide which teams the user belongs to: a team has the name of a group.")),
}
"""Of each field of a user its label and help."""
_AGAIN = _("Enter the same password again.")

admin.site.unregister(User)
admin.site.unregister(Group)


class AdministratorsOnly:
    """Pages that only administrators see.

    ``called`` replaces the names of the records, singular and plural; None keeps those of the package.
    """

    called: tuple[Any, Any] | None = None
    opts: Any

    @property
    def media(self) -> Media:
        return Media(js=LIST_SCRIPTS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.called is not None:
            self.opts = copy(self.opts)
            self.opts.verbose_name, self.opts.verbose_name_plural = self.called

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)  # type: ignore[misc]
        changelist.opts = self.opts
        return changelist

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


class UserForm(UserChangeForm):  # type: ignore[misc]
    """Says in plain words what each switch does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (label, help_text) in _WORDS.items():
            if name in self.fields:
                self.fields[name].label, self.fields[name].help_text = label, help_text


class NewUserForm(UserCreationForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].help_text = _WORDS["username"][1]
        self.fields["password2"].help_text = _AGAIN
        signs_in = self.fields["usable_password"]
        signs_in.label, signs_in.help_text = _("Sign-in"), ""
        signs_in.choices = [("true", _("With a password")), ("false", _("With single sign-on only"))]


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password2"].help_text = _AGAIN


@admin.register(User)
class UserAdmin(History, AdministratorsOnly, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]
    form = UserForm
    add_form = NewUserForm
    add_form_template = None
    change_password_form = PasswordForm
    list_display = ("username", "email", "person", "admits", "administers", "seen")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_help_text = _("Search by user, name or email")
    show_full_result_count = False
    readonly_fields = ("password_state", "rights_link", "last_sign_in", "joined")
    filter_horizontal = ()
    autocomplete_fields = ("groups",)
    compressed_fields = True
    seen = age_column("last_login", _("last sign-in"))
    fieldsets = (
        (None, {"fields": ("username", "password_state", "email", ("first_name", "last_name"))}),
        (
            _("Access"),
            {
                "description": _("Teams decide what a user may do in an organization. A team has the name of a group."),
                "fields": ("is_active", "is_staff", "is_superuser", "groups", "rights_link"),
            },
        ),
        (_("Dates"), {"fields": (("last_sign_in", "joined"),)}),
    )

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.autocomplete_fields:
            kwargs["widget"] = RecordSelectMultiple(db_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        return [*who_may.person_urls(self), *super().get_urls()]

    @admin.display(description=_("last sign-in"))
    def last_sign_in(self, user: User) -> SafeString | str:
        return clock(user.last_login) if user.last_login else "–"

    @admin.display(description=_("created"))
    def joined(self, user: User) -> SafeString:
        return clock(user.date_joined)

    @admin.display(description=_("rights"))
    def rights_link(self, user: User) -> SafeString:
        link = reverse("admin:auth_user_rights", args=[user.pk])
        return format_html('<a class="tk-link" href="{}">{}</a>', link, gettext("What the user may do, where and why"))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        found: tuple[list[Any], dict[str, int], set[str], list[Any]] = super().get_deleted_objects(objs, request)
        shown, counts, _needed, protected = found
        # A user's tokens and identity are deleted with the user; users may not delete them on their own.
        return without_links(shown), counts, set(), protected

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return without_menu(super().formfield_for_dbfield(db_field, request, **kwargs))

    @admin.display(description=_("name"), ordering="last_name")
    def person(self, user: User) -> str:
        return user.get_full_name() or "–"

    @admin.display(description=_("may sign in"), boolean=True, ordering="is_active")
    def admits(self, user: User) -> bool:
        return user.is_active and user.is_staff

    @admin.display(description=_("administrator"), boolean=True, ordering="is_superuser")
    def administers(self, user: User) -> bool:
        return user.is_superuser

    @admin.display(description=_("password"))
    def password_state(self, user: User) -> SafeString:
        text = (
            gettext("Set.")
            if user.has_usable_password()
            else gettext("None: the user signs in with single sign-on only.")
        )
        link = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('{} <a class="tk-link" href="{}">{}</a>', text, link, gettext("Set another"))


@admin.register(Group)
class GroupAdmin(History, AdministratorsOnly, DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    # Django's model permissions have no effect here, so they are not offered.
    list_display = ("name", "member_count", "team_count")
    fields = ("name", "members", "teams")
    readonly_fields = ("members", "teams")
    search_help_text = _("Search by name")
    show_full_result_count = False
    filter_horizontal = ()
    compressed_fields = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        teams = Team.objects.filter(name=OuterRef("name")).order_by().values("name").annotate(number=Count("pk"))
        found: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = found.annotate(
            users=Count("user"), named_teams=Coalesce(Subquery(teams.values("number")), 0)
        )
        return counted

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields if obj is not None else ("name",)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        found: tuple[list[Any], dict[str, int], set[str], list[Any]] = super().get_deleted_objects(objs, request)
        return without_links(found[0]), *found[1:]

    @admin.display(description=_("members"), ordering="users")
    def member_count(self, group: Any) -> int:
        return int(group.users)

    @admin.display(description=_("teams with this name"), ordering="named_teams")
    def team_count(self, group: Any) -> int:
        return int(group.named_teams)

    @admin.display(description=_("members"))
    def members(self, group: Group) -> SafeString | str:
        users = User.objects.filter(groups=group).order_by("username")
        return _links((user.username, "auth_user", user.pk) for user in users)

    @admin.display(description=_("teams with this name"))
    def teams(self, group: Group) -> SafeString | str:
        teams = Team.objects.filter(name=group.name).select_related("organization").order_by("organization__name")
        return _links((team.organization.name, "workspaces_team", team.pk) for team in teams)


def _links(found: Iterable[tuple[str, str, Any]]) -> SafeString | str:
    """Link to the pages of records by name."""
    links = [(reverse(f"admin:{page}_change", args=[pk]), name) for name, page, pk in found]
    return format_html_join(", ", '<a class="tk-link" href="{}">{}</a>', links) if links else gettext("None yet")
