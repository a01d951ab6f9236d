"""Media types, methods, authentication and the shape of errors."""

from __future__ import annotations

import datetime as dt
import json

import jwt
import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client

from terrakube_site.http import failure_limit
from tests.api.client import MEDIA_TYPE, Api, detail, token_of
from workspaces.actors import TokenUser
from workspaces.models import AccessToken, Organization, Workspace
from workspaces.services.tokens import create_token, revoke_token


def test_a_caller_without_a_token_is_asked_for_one(organization: Organization) -> None:
    response = Api().get("organization")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.content == b""


@pytest.mark.parametrize("text", ["nonsense", "a.b.c", "", "é", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJUZXJyYWt1YmUifQ."])
def test_text_that_is_no_token_is_refused(organization: Organization, text: str) -> None:
    response = Api().get("organization", Authorization=f"Bearer {text}".encode().decode("latin-1"))
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"


def test_expired_revoked_and_foreign_tokens_are_refused(organization: Organization) -> None:
    user = TokenUser(name="a@example.com", groups=frozenset({"OWNERS"}))
    record, token = create_token(by=user, days=1)
    assert Api(token).get("organization").status_code == 200
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims, "x" * 32, algorithm="HS256")
    assert Api(forged).get("organization").status_code == 401
    key = __import__("base64").urlsafe_b64decode(settings.PAT_SECRET + "==")
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC).timestamp()
    assert Api(jwt.encode(claims | {"exp": past}, key, algorithm="HS256")).get("organization").status_code == 401
    revoke_token(record, by=user)
    assert Api(token).get("organization").status_code == 401


def test_failed_authentications_are_limited_and_known_tokens_still_pass(
    owner: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_limit, "FAILURES_ALLOWED", 3)
    assert owner.get("organization").status_code == 200
    answers = [Api("nonsense").get("organization").status_code for _ in range(5)]
    assert answers == [401, 401, 401, 429, 429]
    assert owner.get("organization").status_code == 200
    assert Api(token_of("OWNERS")).get("organization").status_code == 429


def test_a_session_reads_but_writes_only_with_its_csrf_token(organization: Organization) -> None:
    user = User.objects.create_user("ann", password="a-long-password")
    user.groups.add(Group.objects.create(name="OWNERS"))
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.get("/api/v1/organization").status_code == 200
    body = json.dumps({"data": {"type": "tag", "attributes": {"name": "a"}}})
    path = f"/api/v1/organization/{organization.pk}/tag"
    assert client.post(path, body, content_type=MEDIA_TYPE).status_code == 403
    client.get("/admin/login/")
    client.cookies["csrftoken"] = "a" * 32
    response = client.post(path, body, content_type=MEDIA_TYPE, headers={"X-CSRFToken": "a" * 32})
    assert response.status_code == 201


@pytest.mark.parametrize(("accept", "status"), [("*/*", 200), (MEDIA_TYPE, 200), ("application/json", 406)])
def test_only_the_media_type_of_the_api_is_given(owner: Api, accept: str, status: int) -> None:
    response = owner.get("organization", Accept=accept)
    assert response.status_code == status
    if status == 406:
        body = json.loads(response.content)
        assert body.keys() == {"timestamp", "status", "error", "path"}
        assert (body["status"], body["error"], body["path"]) == (406, "Not Acceptable", "/api/v1/organization")


def test_another_media_type_is_not_taken(owner: Api, organization: Organization) -> None:
    response = owner.client.post(
        f"/api/v1/organization/{organization.pk}/tag",
        "{}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {owner.token}"},
    )
    assert response.status_code == 415
    assert json.loads(response.content)["error"] == "Unsupported Media Type"


def test_a_method_that_a_path_does_not_have_is_405(owner: Api, organization: Organization) -> None:
    assert owner.call("PUT", f"organization/{organization.pk}").status_code == 405
    assert owner.call("DELETE", "organization").status_code == 405
    assert owner.call("POST", f"organization/{organization.pk}", {"data": {}}).status_code == 405


def test_a_delete_with_a_content_type_and_no_body_is_done(owner: Api, organization: Organization) -> None:
    key = owner.made(f"organization/{organization.pk}/tag", "tag", {"name": "a"})["id"]
    response = owner.delete(f"organization/{organization.pk}/tag/{key}")
    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "no data"),
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"data":{"type":"tag","attributes":{"name":NaN}}}', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[]", "no data"),
        (b'{"data":[]}', "no data"),
        (b'{"data":{"type":"job"}}', "the type here is tag"),
        (b'{"data":{"type":"tag","attributes":[]}}', "attributes is an object"),
        (b'{"data":{"type":"tag","attributes":{"name":5}}}', "Invalid value: 5"),
        (b'{"data":{"type":"tag","attributes":{"name":"a\\u0000b"}}}', "NUL"),
        (b'{"data":{"type":"tag","attributes":{"name":"\\ud800"}}}', "whole Unicode"),
        (b'{"data":{"type":"tag","attributes":{"name":"a"},"relationships":5}}', "relationships is an object"),
    ],
)
def test_a_body_that_cannot_be_used_is_400_and_says_why(
    owner: Api, organization: Organization, body: bytes, sentence: str
) -> None:
    response = owner.call("POST", f"organization/{organization.pk}/tag", body)
    assert response.status_code == 400
    assert sentence in detail(response)


def test_a_body_without_end_is_413(owner: Api, organization: Organization) -> None:
    body = b'{"data":"' + b"a" * (4 * 2**20) + b'"}'
    assert owner.call("POST", f"organization/{organization.pk}/tag", body).status_code == 413


def test_a_patch_names_the_record_that_it_is_for(owner: Api, workspace: Workspace) -> None:
    other = "00000000-0000-0000-0000-000000000000"
    for data in ({"type": "workspace"}, {"type": "workspace", "id": other}, {"type": "job", "id": str(workspace.pk)}):
        assert owner.call("PATCH", f"workspace/{workspace.pk}", {"data": data}).status_code == 400


def test_what_is_not_there_is_404_in_terrakubes_words(owner: Api, organization: Organization) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    sentences = {
        "nosuch": "Unknown collection nosuch",
        "job": "Unknown collection job",
        f"organization/{unknown}": f"Unknown identifier {unknown} for organization",
        f"organization/{organization.pk}/workspace/{unknown}": f"Unknown identifier [{unknown}] for workspace",
        f"organization/{organization.pk}/nosuch": "Unknown attribute nosuch in organization",
        f"organization/{organization.pk}/job/99999999999999999999": (
            "Unknown identifier [99999999999999999999] for job"
        ),
    }
    for path, sentence in sentences.items():
        response = owner.get(path)
        assert (response.status_code, detail(response)) == (404, sentence)
    response = owner.post(f"organization/{organization.pk}/tag", "tag", {"name": "a", "nosuch": 1})
    assert (response.status_code, detail(response)) == (404, "Unknown attribute nosuch in tag")


def test_what_an_error_repeats_is_escaped(owner: Api) -> None:
    assert detail(owner.get("<script>")) == "Unknown collection &lt;script&gt;"


def test_without_a_required_attribute_nothing_is_made(owner: Api, organization: Organization) -> None:
    response = owner.post(f"organization/{organization.pk}/workspace", "workspace", {"source": "empty"})
    assert response.status_code == 409
    assert "name must be given" in detail(response)
    assert not Workspace.objects.exists()


def test_the_command_prints_a_token_that_works(organization: Organization, capsys: pytest.CaptureFixture[str]) -> None:
    user = User.objects.create_user("ann", email="ann@example.com")
    user.groups.add(Group.objects.create(name="OWNERS"))
    call_command("create_token", "--user", "ann", "--days", "2", "--description", "CI")
    token = capsys.readouterr().out.strip()
    assert Api(token).read("organization")["data"][0]["id"] == str(organization.pk)
    record = AccessToken.objects.get()
    assert (record.description, record.name) == ("CI", "ann@example.com")
    assert record.expires_at is not None
    with pytest.raises(CommandError, match="no user nobody"):
        call_command("create_token", "--user", "nobody")
