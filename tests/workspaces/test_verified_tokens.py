"""A token that was verified is known again, for as long as it would be verified again."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from django.test import override_settings
from django.utils import timezone

from tests.factories import UserFactory
from workspaces.services import tokens, verified_tokens
from workspaces.services.verified_tokens import VerifiedTokens


class Clock:
    now = 10_000.0

    def time(self) -> float:
        return self.now


class Verifying:
    """Verifies by the clock, and counts how often."""

    def __init__(self, clock: Clock, claims: Mapping[str, Any]) -> None:
        self.count = 0
        self._clock, self._claims = clock, claims

    def __call__(self) -> Mapping[str, Any]:
        self.count += 1
        if self._clock.now - 60 >= self._claims.get("exp", float("inf")):
            raise jwt.ExpiredSignatureError
        if self._clock.now + 60 < self._claims.get("nbf", 0):
            raise jwt.ImmatureSignatureError
        return self._claims


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(verified_tokens, "time", clock)
    return clock


def test_a_token_is_verified_once_until_it_expires(clock: Clock) -> None:
    known, verify = VerifiedTokens(60), Verifying(clock, {"exp": 10_100})
    for now in (10_000, 10_100, 10_159):
        clock.now = now
        assert known.claims("token", "secret", verify) == {"exp": 10_100}
    assert verify.count == 1
    clock.now = 10_160
    for _ in range(2):
        with pytest.raises(jwt.ExpiredSignatureError):
            known.claims("token", "secret", verify)
    assert verify.count == 3


def test_a_token_is_verified_again_where_the_clock_is_set_back(clock: Clock) -> None:
    known, verify = VerifiedTokens(60), Verifying(clock, {"nbf": 10_000})
    known.claims("token", "secret", verify)
    clock.now = 9_939
    with pytest.raises(jwt.ImmatureSignatureError):
        known.claims("token", "secret", verify)


def test_neither_another_token_nor_another_secret_is_known(clock: Clock) -> None:
    known, verify = VerifiedTokens(60), Verifying(clock, {})
    for token, secret in (("one", "secret"), ("two", "secret"), ("one", "other"), ("one", "secret")):
        known.claims(token, secret, verify)
    assert verify.count == 3


def test_no_more_than_so_many_are_kept(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified_tokens, "MOST_TOKENS", 2)
    known, verify = VerifiedTokens(60), Verifying(clock, {})
    for number in range(10):
        known.claims(str(number), "secret", verify)
        assert len(known._known) <= 2


@pytest.mark.django_db
def test_a_known_token_is_refused_once_it_is_revoked_or_its_secret_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    user = UserFactory.create()
    record, token = tokens.create_token(by=user)
    decoded: list[str] = []
    decode = jwt.decode

    def noted(token: str, *args: Any, **options: Any) -> Any:
        decoded.append(token)
        return decode(token, *args, **options)

    monkeypatch.setattr(jwt, "decode", noted)
    for _ in range(3):
        assert tokens.user_of(token).user_id == user.pk
    assert decoded == [token]

    other = base64.urlsafe_b64encode(bytes(32)).decode()
    with override_settings(PAT_SECRET=other), pytest.raises(tokens.InvalidToken):
        tokens.user_of(token)
    assert tokens.user_of(token).user_id == user.pk
    tokens.revoke_token(record, by=user)
    with pytest.raises(tokens.InvalidToken):
        tokens.user_of(token)


@pytest.mark.django_db
def test_a_known_token_is_refused_once_it_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    user = UserFactory.create()
    _, token = tokens.create_token(by=user, expires_at=timezone.now() + dt.timedelta(hours=1))
    assert tokens.user_of(token).user_id == user.pk
    later = dt.datetime.now(tz=dt.UTC) + dt.timedelta(hours=2)

    class Later(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return later.astimezone(tz)

    clock = Clock()
    clock.now = later.timestamp()
    monkeypatch.setattr(verified_tokens, "time", clock)
    monkeypatch.setattr("jwt.api_jwt.datetime", Later)
    with pytest.raises(tokens.InvalidToken):
        tokens.user_of(token)
