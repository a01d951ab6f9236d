"""Access tokens in the panel: made by their users, shown once, revoked."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.panel.forms import fields_of
from workspaces.actors import TokenUser
from workspaces.models import AccessToken, Workspace
from workspaces.services.tokens import InvalidToken, user_of

pytestmark = pytest.mark.django_db
ADD = reverse("admin:workspaces_accesstoken_add")
LIST = reverse("admin:workspaces_accesstoken_changelist")


def make(client: Client, **data: str) -> str:
    """Make a token and return its text; empty when it was refused."""
    response = client.post(ADD, {"description": "laptop", "days": "30", "team": "", **data})
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    found = re.search(r'id="token-text"[^>]*>([^<]+)<', response.content.decode())
    return found[1] if found else ""


def bearer(text: str) -> TokenUser:
    return user_of(text)


def test_a_user_makes_a_token_that_is_shown_once(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    client = sign_in(workspace.organization, role="plan")
    text = make(client)
    record = AccessToken.objects.get()
    assert bearer(text).groups == frozenset(record.groups)
    assert record.expires_at is not None
    page = client.get(reverse("admin:workspaces_accesstoken_change", args=[record.pk]))
    assert page.status_code == 200
    assert text not in page.content.decode()
    assert text not in client.get(LIST).content.decode()


def test_a_revoked_token_opens_nothing(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    client = sign_in(workspace.organization, role="plan")
    text = make(client)
    client.post(LIST, {"action": "revoke", "_selected_action": [str(AccessToken.objects.get().pk)]})
    with pytest.raises(InvalidToken):
        bearer(text)


def test_a_token_is_revoked_on_its_page(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    client = sign_in(workspace.organization, role="plan")
    text = make(client)
    address = reverse("admin:workspaces_accesstoken_change", args=[AccessToken.objects.get().pk])
    client.post(LIST, fields_of(client.get(address).content.decode(), "revoke_form"))
    with pytest.raises(InvalidToken):
        bearer(text)
    assert "revoke_form" not in client.get(address).content.decode()


def test_nobody_sees_or_revokes_the_tokens_of_others(
    workspace: Workspace, admin: Client, sign_in: Callable[..., Client]
) -> None:
    text = make(admin, description="of the administrator")
    client = sign_in(workspace.organization, role="admin")
    assert "of the administrator" not in client.get(LIST).content.decode()
    client.post(LIST, {"action": "revoke", "_selected_action": [str(AccessToken.objects.get().pk)]})
    assert bearer(text).groups


def test_a_token_of_a_group_is_for_its_members(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    client = sign_in(workspace.organization, role="plan")
    assert make(client, team="SOMEBODY_ELSE") == ""
    team = workspace.organization.teams.get().name
    assert bearer(make(client, team=team)).groups == frozenset({team})


def test_the_list_says_which_tokens_are_of_use(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    client = sign_in(workspace.organization, role="plan")
    for days in ("0", "30", "30", "30"):
        make(client, days=days)
    never, valid, expired, revoked = AccessToken.objects.order_by("created_date")
    AccessToken.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - dt.timedelta(hours=3))
    AccessToken.objects.filter(pk=revoked.pk).update(deleted=True)
    rows = re.findall(r"<tr.*?</tr>", client.get(LIST).content.decode(), re.DOTALL)
    said = {token.pk: next(row for row in rows if str(token.pk) in row) for token in (never, valid, expired, revoked)}
    assert "In force" in said[never.pk]
    assert "Never" in said[never.pk]
    assert "in 29 d" in said[valid.pk]
    assert "Expired" in said[expired.pk]
    assert "3 h ago" in said[expired.pk]
    assert "Revoked" in said[revoked.pk]
