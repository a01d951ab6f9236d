"""Connections to a fake provider, and what a provider's token endpoint says."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils import timezone

from tests.factories import OrganizationFactory
from tests.vcs.fake_api import FakeApi
from workspaces.choices import ConnectionType, VcsStatus, VcsType
from workspaces.models import Vcs

SECRET = "client-s3cr3t"
SOURCE = "https://github.com/acme/network.git"


@lru_cache(maxsize=1)
def app_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(layout: serialization.PrivateFormat = serialization.PrivateFormat.TraditionalOpenSSL) -> str:
    """The App's key as GitHub hands it out (PKCS#1), or as Terrakube wants it (PKCS#8)."""
    return app_key().private_bytes(serialization.Encoding.PEM, layout, serialization.NoEncryption()).decode()


def connection(api: FakeApi, kind: VcsType, **columns: Any) -> Vcs:
    """Return a connection whose provider is the fake."""
    values: dict[str, Any] = {
        "name": "ours",
        "vcs_type": kind,
        "client_id": "client-1",
        "client_secret": SECRET,
        "endpoint": api.url,
        "api_url": f"{api.url}/api",
        "status": VcsStatus.COMPLETED,
    }
    organization = columns.pop("organization", None) or OrganizationFactory.create()
    made: Vcs = Vcs.objects.create(organization=organization, **{**values, **columns})
    return made


def app_connection(api: FakeApi, **columns: Any) -> Vcs:
    values = {"connection_type": ConnectionType.STANDALONE, "private_key": pem(), "client_secret": ""}
    return connection(api, VcsType.GITHUB, **{**values, **columns})


def in_minutes(minutes: float) -> dt.datetime:
    return timezone.now() + dt.timedelta(minutes=minutes)


def expiring(api: FakeApi, kind: VcsType = VcsType.GITLAB, **columns: Any) -> Vcs:
    """Return a connection whose token ends in five minutes."""
    values = {"access_token": "old", "refresh_token": "refresh-1", "token_expiration": in_minutes(5)}
    return connection(api, kind, **{**values, **columns})
