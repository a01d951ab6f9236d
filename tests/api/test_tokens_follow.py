"""A token has what its user or its team has now, whatever was true when it was made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from tests.api.client import Api
from tests.factories import TeamFactory, UserFactory, member
from tests.support.issuer import CLIENT_ID, Issuer
from workspaces.actors import TokenUser
from workspaces.models import Access, AccessToken, Organization, Team, Workspace
from workspaces.services import oidc
from workspaces.services.records import delete_record, update_record
from workspaces.services.tokens import create_team_token, create_token, user_of


@pytest.fixture
def user(organization: Organization) -> User:
    user = member(Team.objects.get(name="OWNERS"))
    user.email = "ann@example.com"
    user.is_staff = True
    user.save()
    return user


@pytest.fixture
def token(user: User) -> Api:
    return Api(create_token(by=user)[1])


@pytest.fixture
def issuer(settings: Settings, organization: Organization) -> Iterator[Issuer]:
    claims = {"sub": "u1", "email": "ann@example.com", "name": "Ann", "groups": ["OWNERS"]}
    issuer = Issuer(person=claims)
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = issuer.address, CLIENT_ID
    oidc._keys_of.cache_clear()
    yield issuer
    issuer.stop()


def may_write(caller: Api, workspace: Workspace) -> int:
    data = {"key": f"K{AccessToken.objects.count()}", "value": "v", "category": "ENV"}
    path = f"workspace/{workspace.pk}/variable"
    answer = caller.post(path, "variable", data)
    if answer.status_code == 201:
        caller.delete(f"{path}/{json.loads(answer.content)['data']['id']}")
    return int(answer.status_code)


def made_by_rest(caller: Api) -> Api:
    answer = Api(caller.token, prefix="/").call("POST", "pat/v1", {"description": "x"})
    assert answer.status_code == 201, answer.content
    return Api(json.loads(answer.content)["token"])


def switched_off(user: User) -> None:
    user.is_active = False
    user.save()


def without_groups(user: User) -> None:
    user.groups.clear()


def without_its_group(user: User) -> None:
    Group.objects.get(name="OWNERS").delete()


def deleted(user: User) -> None:
    user.delete()


@pytest.mark.parametrize("grandchild", [False, True])
@pytest.mark.parametrize(
    ("done", "written", "read"),
    [(switched_off, 401, 401), (without_groups, 403, 403), (without_its_group, 403, 403), (deleted, 401, 401)],
)
def test_a_personal_token_follows_its_user(
    done: Callable[[User], None],
    written: int,
    read: int,
    grandchild: bool,
    user: User,
    token: Api,
    workspace: Workspace,
) -> None:
    caller = made_by_rest(token) if grandchild else token
    assert may_write(caller, workspace) == 201
    done(user)
    assert may_write(caller, workspace) == written
    assert caller.get(f"workspace/{workspace.pk}").status_code == read


def test_a_token_gains_what_its_user_gains_and_comes_back_with_its_user(
    user: User, token: Api, workspace: Workspace, organization: Organization
) -> None:
    user.groups.set([Group.objects.create(name="BUILDERS")])
    assert token.get(f"workspace/{workspace.pk}").status_code == 403
    TeamFactory.create(organization=organization, name="BUILDERS")
    assert token.get(f"workspace/{workspace.pk}").status_code == 200
    assert may_write(token, workspace) == 403
    switched_off(user)
    assert token.get("organization").status_code == 401
    User.objects.filter(pk=user.pk).update(is_active=True)
    assert token.get("organization").status_code == 200


@pytest.mark.parametrize("how", ["flag", "group"])
def test_an_administrators_token_is_one_for_as_long_as_they_are(how: str, db: None) -> None:
    user = UserFactory.create(is_superuser=how == "flag")
    if how == "group":
        user.groups.add(Group.objects.create(name=settings.ADMIN_GROUP))
    caller = Api(create_token(by=user)[1])
    assert caller.post("organization", "organization", {"name": "first"}).status_code == 201
    User.objects.filter(pk=user.pk).update(is_superuser=False)
    user.groups.clear()
    assert caller.post("organization", "organization", {"name": "second"}).status_code == 403


def test_a_token_is_known_with_its_user_and_groups_by_one_query(user: User, token: Api) -> None:
    user.groups.add(*(Group.objects.create(name=f"G{number}") for number in range(20)))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = user_of(token.token)
    assert len(queries) == 1
    assert (len(found.groups), found.user_id) == (21, user.pk)


def test_what_a_token_says_of_its_groups_does_not_count(user: User, workspace: Workspace) -> None:
    record, text = create_token(by=user)
    AccessToken.objects.filter(pk=record.pk).update(groups=[settings.ADMIN_GROUP])
    assert settings.ADMIN_GROUP not in user_of(text).groups


def test_tokens_are_listed_and_revoked_by_their_user_alone(user: User, token: Api) -> None:
    other = UserFactory.create(email=user.email)
    other.groups.set(user.groups.all())
    stranger = Api(create_token(by=other)[1], prefix="/")
    mine = Api(token.token, prefix="/")
    key = json.loads(mine.get("pat/v1").content)[0]["id"]
    assert key not in stranger.get("pat/v1").content.decode()
    assert stranger.delete(f"pat/v1/{key}").status_code == 400
    assert mine.delete(f"pat/v1/{key}").status_code == 202
    assert mine.get("pat/v1").status_code == 401


# ---- teams ----------------------------------------------------------------------------------------------------------


def test_a_teams_token_ends_with_its_team_and_stays_so(user: User, workspace: Workspace) -> None:
    caller = Api(create_team_token(by=user, team="OWNERS")[1])
    assert may_write(caller, workspace) == 201
    delete_record(Team.objects.get(name="OWNERS"), by=None)
    assert caller.get("organization").status_code == 401
    # Another team of the name, of whomever, does not wake it.
    TeamFactory.create(organization=workspace.organization, name="OWNERS", manage_workspace=True)
    assert may_write(caller, workspace) == 401


def test_a_teams_token_is_of_its_name(user: User, workspace: Workspace) -> None:
    caller = Api(create_team_token(by=user, team="OWNERS")[1])
    update_record(Team.objects.get(name="OWNERS"), {"name": "KEEPERS"}, by=None)
    assert caller.get("organization").status_code == 401


def test_a_teams_token_lives_while_anything_is_given_to_its_name(user: User, workspace: Workspace) -> None:
    caller = Api(create_team_token(by=user, team="OWNERS")[1])
    Access.objects.create(workspace=workspace, name="OWNERS", manage_workspace=True)
    delete_record(Team.objects.get(name="OWNERS"), by=None)
    assert may_write(caller, workspace) == 201
    Access.objects.all().delete()
    assert caller.get("organization").status_code == 401


def test_a_teams_token_outlives_who_made_it_and_makes_no_personal_one(user: User, workspace: Workspace) -> None:
    caller = Api(create_team_token(by=user, team="OWNERS")[1])
    deleted(user)
    assert may_write(caller, workspace) == 201
    answer = Api(caller.token, prefix="/").call("POST", "pat/v1", {"description": "x"})
    assert answer.status_code == 403
    assert "A team token cannot create personal tokens" in answer.content.decode()


# ---- people of an issuer --------------------------------------------------------------------------------------------


def test_a_token_that_an_issuers_bearer_makes_follows_the_user_whom_it_makes_known(
    issuer: Issuer, workspace: Workspace
) -> None:
    caller = made_by_rest(Api(issuer.token()))
    user = User.objects.get(email="ann@example.com")
    assert may_write(caller, workspace) == 201
    # What the issuer says at the next sign-in counts.
    made_by_rest(Api(issuer.token(groups=["READERS"])))
    assert may_write(caller, workspace) == 403
    assert caller.get(f"workspace/{workspace.pk}").status_code == 200
    switched_off(user)
    assert caller.get("organization").status_code == 401
    assert Api(issuer.token()).get("organization").status_code == 401
    assert Api(issuer.token(), prefix="/").call("POST", "pat/v1", {}).status_code == 401


def test_an_issuers_bearer_without_groups_gets_no_token(issuer: Issuer) -> None:
    assert Api(issuer.token(groups=[]), prefix="/").call("POST", "pat/v1", {}).status_code == 403
    assert not AccessToken.objects.exists()
    assert not User.objects.exists()


# ---- sessions, pages, older tokens ----------------------------------------------------------------------------------


def test_the_session_of_a_user_who_was_switched_off_is_over(user: User, workspace: Workspace) -> None:
    client = Client()
    client.force_login(user)
    page, api = reverse("admin:workspaces_workspace_changelist"), f"/api/v1/workspace/{workspace.pk}"
    assert (client.get(page).status_code, client.get(api).status_code) == (200, 200)
    switched_off(user)
    assert client.get(page).status_code == 302
    assert client.get(api).status_code == 401


def test_a_user_with_tokens_can_be_deleted_in_the_panel(user: User, token: Api) -> None:
    client = Client()
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    address = reverse("admin:auth_user_delete", args=[user.pk])
    assert client.post(address, {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=user.pk).exists()
    assert token.get("organization").status_code == 401


def test_the_list_of_tokens_says_what_they_have_now(user: User, token: Api) -> None:
    client = Client()
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    record = AccessToken.objects.get()
    address = reverse("admin:workspaces_accesstoken_change", args=[record.pk])
    assert "OWNERS" in client.get(address).content.decode()
    user.groups.set([Group.objects.create(name="LATER")])
    assert "LATER" in client.get(address).content.decode()
    switched_off(user)
    text = client.get(address).content.decode()
    assert "LATER" not in text
    assert "Its user is not active" in text


def test_older_tokens_find_their_user(organization: Organization) -> None:
    by_email = UserFactory.create(email="ann@example.com")
    by_name = UserFactory.create(username="bob", email="")
    twins = [UserFactory.create(email="twin@example.com") for _ in range(2)]
    made: dict[str, Any] = {}
    for name in ("ann@example.com", "bob", "twin@example.com", "program"):
        made[name] = create_token(by=TokenUser(name=name, email=name, groups=frozenset({"READERS"})))
    team = create_team_token(by=TokenUser(name="ann@example.com", groups=frozenset({"READERS"})), team="READERS")
    import_module("workspaces.migrations.0018_users_of_tokens").find_users(apps, None)
    found = {name: AccessToken.objects.get(pk=record.pk).user for name, (record, _) in made.items()}
    assert found == {"ann@example.com": by_email, "bob": by_name, "twin@example.com": None, "program": None}
    assert AccessToken.objects.get(pk=team[0].pk).user is None
    # The maker that nobody knows keeps what it had.
    assert user_of(made["program"][1]).groups == {"READERS"}
    assert user_of(made["ann@example.com"][1]).groups == set()
    assert len(twins) == 2
