"""SSH keys of an organization, which fetch modules from git; a key's value is never shown again."""

from __future__ import annotations

from http import HTTPStatus

from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import body_of
from tfe.documents import Json, document, page_document, resource
from tfe.errors import NotFound
from tfe.lookup import key_of, organization_of
from tfe.views import TfeView
from workspaces.actors import Actor
from workspaces.choices import SshType
from workspaces.models import Ssh
from workspaces.services.records import create_record, delete_record, update_record


def ssh_key_object(key: Ssh) -> Json:
    """Return a key by its name alone."""
    return resource("ssh-keys", key.pk, {"name": key.name})


def ssh_key_of(actor: Actor, text: str) -> Ssh:
    """Return a visible key by its id. Raises NotFound."""
    visible = Ssh.objects.visible_to(actor).select_related("organization").filter(organization__disabled=False)
    found: Ssh | None = visible.filter(pk=key_of(text)).first()
    if found is None:
        raise NotFound
    return found


def _type_of(value: str) -> SshType:
    return SshType.RSA if "BEGIN RSA" in value else SshType.ED25519


class SshKeysView(TfeView):
    """``organizations/O/ssh-keys``."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        found = Ssh.objects.visible_to(self.actor).filter(organization=organization).order_by("name")
        return Response(page_document(request, found, lambda rows: [ssh_key_object(row) for row in rows]))

    def post(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        body = body_of(request, "ssh-keys")
        name, value = body.text("name"), body.text("value")
        made = Ssh(organization=organization, name=name, private_key=value, ssh_type=_type_of(value))
        return Response(document(ssh_key_object(create_record(made, by=self.actor))), status=HTTPStatus.CREATED)


class SshKeyView(TfeView):
    """``ssh-keys/ID``."""

    def get(self, request: Request, ssh_key_id: str) -> Response:
        return Response(document(ssh_key_object(ssh_key_of(self.actor, ssh_key_id))))

    def patch(self, request: Request, ssh_key_id: str) -> Response:
        key = ssh_key_of(self.actor, ssh_key_id)
        body = body_of(request, "ssh-keys")
        changes = {"name": body.text("name", key.name)}
        if value := body.text("value"):
            changes |= {"private_key": value, "ssh_type": _type_of(value)}
        return Response(document(ssh_key_object(update_record(key, changes, by=self.actor))))

    def delete(self, request: Request, ssh_key_id: str) -> Response:
        delete_record(ssh_key_of(self.actor, ssh_key_id), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)
