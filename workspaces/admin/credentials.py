"""SSH keys for sources and modules; they are never shown again."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin
from workspaces.admin.secret_display import HidesSecrets, said_to_be_set
from workspaces.display import age_column
from workspaces.forms.secrets import SecretsForm
from workspaces.models import Ssh


class SshForm(SecretsForm):
    secret_fields = ("private_key",)

    class Meta:
        model = Ssh
        fields = ("organization", "name", "description", "ssh_type", "private_key", "allow_ssh_rsa")


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
