from pathlib import Path

import pytest

from terrakube_site.database.connection import database
from terrakube_site.env import SettingError
from terrakube_site.site_settings import DATABASE_URL


def test_an_address_may_say_how_the_connection_is_secured() -> None:
    address = "postgresql://terrakube:p%40ss@db.example.com:5433/terrakube?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    found = database({DATABASE_URL.name: address}, Path())
    assert (found["HOST"], found["PORT"], found["PASSWORD"]) == ("db.example.com", "5433", "p@ss")
    assert found["OPTIONS"] == {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"}


@pytest.mark.parametrize("address", ["mysql://db/terrakube", "postgresql://db", "postgresql://u:secret@db/x?sslmod=on"])
def test_an_address_that_is_none_is_refused_without_being_shown(address: str) -> None:
    with pytest.raises(SettingError, match=r"\?sslmode=require") as refused:
        database({DATABASE_URL.name: address}, Path())
    assert "secret" not in str(refused.value)
