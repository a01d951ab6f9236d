"""Credentials for sources: VCS connections and SSH keys; their secrets are never shown."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin
from workspaces.admin.secret_display import HidesSecrets, said_to_be_set
from workspaces.display import age_column
from workspaces.forms.secrets import SecretsForm
from workspaces.models import Ssh, Vcs


class VcsForm(SecretsForm):
    secret_fields = ("client_secret", "private_key", "access_token")

    class Meta:
        model = Vcs
        fields = (
            "organization",
            "name",
            "description",
            "vcs_type",
            "connection_type",
            "client_id",
            "client_secret",
            "private_key",
            "access_token",
            "endpoint",
            "api_url",
            "callback",
            "redirect_url",
            "status",
        )


class SshForm(SecretsForm):
    secret_fields = ("private_key",)

    class Meta:
        model = Ssh
        fields = ("organization", "name", "description", "ssh_type", "private_key", "allow_ssh_rsa")


@admin.register(Vcs)
class VcsAdmin(HidesSecrets, RecordAdmin):
    form = VcsForm
    hidden = {name: f"{name}_is_set" for name in VcsForm.secret_fields}
    client_secret_is_set = said_to_be_set("client_secret", _("client secret"))
    private_key_is_set = said_to_be_set("private_key", _("private key"))
    access_token_is_set = said_to_be_set("access_token", _("access token"))
    list_display = ("name", "organization", "vcs_type", "connection_type", "status", "changed")
    changed = age_column("updated_date", _("changed"))
    empty_help = _("A connection lets workspaces read repositories that are not public.")
    list_select_related = ("organization",)
    list_filter = ("vcs_type", "status", "organization")
    search_fields = ("name", "description", "organization__name")
    autocomplete_fields = ("organization",)
    readonly_fields = ("status", *AUDIT_FIELDS)
    fieldsets = (
        (None, {"fields": ("organization", "name", "description", ("vcs_type", "connection_type"), "status")}),
        (_("Authentication"), {"fields": ("client_id", "client_secret", "private_key", "access_token")}),
        (_("Addresses"), {"fields": ("endpoint", "api_url", "callback", "redirect_url")}),
        AUDIT_FIELDSET,
    )


@admin.register(Ssh)
class SshAdmin(HidesSecrets, RecordAdmin):
    form = SshForm
    hidden = {"private_key": "private_key_is_set"}
    private_key_is_set = said_to_be_set("private_key", _("private key"))
    list_display = ("name", "organization", "ssh_type", "description", "changed")
    changed = age_column("updated_date", _("changed"))
    empty_help = _("A key lets workspaces read repositories by SSH.")
    list_select_related = ("organization",)
    list_filter = ("ssh_type", "organization")
    search_fields = ("name", "description", "organization__name")
    autocomplete_fields = ("organization",)
    readonly_fields = AUDIT_FIELDS
    fieldsets = (
        (None, {"fields": ("organization", "name", "description", "ssh_type", "private_key", "allow_ssh_rsa")}),
        AUDIT_FIELDSET,
    )
