"""Tokens of an OpenID Connect issuer, whose keys are found by discovery."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_django import Settings

from tests.api.client import Api
from tests.support.issuer import CLIENT_ID, Issuer, text_of
from workspaces.models import Organization
from workspaces.services import oidc

CLAIMS = {"sub": "u1", "email": "ann@example.com", "name": "Ann", "groups": ["READERS"]}


@pytest.fixture
def issuer(settings: Settings, organization: Organization) -> Iterator[Issuer]:
    issuer = Issuer(person=dict(CLAIMS))
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = issuer.address, CLIENT_ID
    oidc._keys_of.cache_clear()
    yield issuer
    issuer.stop()


def test_a_person_acts_with_the_groups_of_the_issuers_token(issuer: Issuer, organization: Organization) -> None:
    caller = Api(issuer.token())
    assert [row["id"] for row in caller.read("organization")["data"]] == [str(organization.pk)]
    assert caller.post(f"organization/{organization.pk}/tag", "tag", {"name": "a"}).status_code == 403
    builder = Api(issuer.token(groups=["OWNERS", 5]))
    made = builder.made(f"organization/{organization.pk}/tag", "tag", {"name": "a"})
    assert made["attributes"]["createdBy"] == "ann@example.com"
    assert len(issuer.asked) == 2


def test_the_claims_must_be_right(issuer: Issuer) -> None:
    wrong = [
        issuer.token(aud="another"),
        issuer.token(exp=time.time() - 600),
        issuer.token(iss="http://127.0.0.1:1/dex"),
        issuer.token(key_id="unknown"),
        issuer.token()[:-8] + "AAAAAAAA",
    ]
    # The public key taken for a shared secret, which everybody could sign with, and no signature at all.
    body = issuer.token().split(".")[1]
    public = issuer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for algorithm in ("HS256", "none"):
        head = text_of(json.dumps({"alg": algorithm, "kid": issuer.key_id}).encode())
        signed = hmac.digest(public, f"{head}.{body}".encode(), "sha256") if algorithm == "HS256" else b""
        wrong.append(f"{head}.{body}.{text_of(signed)}")
    assert [Api(token).get("organization").status_code for token in wrong] == [401] * len(wrong)


def test_a_token_without_groups_sees_nothing(issuer: Issuer) -> None:
    assert Api(issuer.token(groups=None)).read("organization")["data"] == []
    assert Api(issuer.token(groups="READERS")).read("organization")["data"] == []


def test_unknown_keys_do_not_make_us_ask_again_and_again(issuer: Issuer) -> None:
    for number in range(5):
        assert Api(issuer.token(key_id=f"k{number}")).get("organization").status_code == 401
    assert len(issuer.asked) == 2


def test_a_new_key_of_the_issuer_is_found(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Api(issuer.token()).get("organization").status_code == 200
    monkeypatch.setattr(oidc, "RETRY_SECONDS", 0)
    issuer.key = issuer.signed_by = rsa.generate_private_key(65537, 2048)
    issuer.key_id = "second"
    assert Api(issuer.token()).get("organization").status_code == 200


def test_known_keys_stay_good_while_the_issuer_is_away(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    token = issuer.token()
    assert Api(token).get("organization").status_code == 200
    monkeypatch.setattr(oidc, "RETRY_SECONDS", 0)
    monkeypatch.setattr(oidc, "KEEP_SECONDS", 0)
    monkeypatch.setattr(oidc, "_get", _away)
    assert Api(token).get("organization").status_code == 200
    oidc._keys_of.cache_clear()
    assert Api(token).get("organization").status_code == 401


def _away(address: str) -> Any:
    raise oidc.IssuerError("away")
