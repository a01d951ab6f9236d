"""The site that go-tfe's tests are run against: over https, with a worker and a watcher, on a database of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.management import call_command

_OURS = ("TERRAKUBE_", "Terrakube", "Executor", "AzBuilder")


@contextmanager
def serving(folder: Path, *, recorded: Path | None = None) -> Iterator[dict[str, str]]:
    """Run a site in a folder; gives the environment in which go-tfe's tests find it.

    With ``recorded`` its web process writes each request of the protocol with its answer to that file.
    """
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        # The settings are the tests' own, not those of an installation of this shell.
        del os.environ[name]
    os.environ |= {"DJANGO_SETTINGS_MODULE": "terrakube_site.settings", "TERRAKUBE_DATA_DIR": str(folder)}
    django.setup()
    call_command("migrate", verbosity=0)

    # Both read the settings when they are imported.
    from tests.tfe.gotfe import recording
    from tests.tfe.tls import TlsSite

    more = {"TERRAKUBE_LOG_LEVEL": "INFO"}
    site = TlsSite(folder, more)
    with site.at_hand():
        if recorded is not None:
            site.web.environ[recording.VARIABLE] = str(recorded)
            site.web.command = [recording.APPLICATION if "asgi" in one else one for one in site.web.command]
        site.start()
        yield {
            **{name: text for name, text in os.environ.items() if not name.startswith(("TFE_", "TERRAKUBE_"))},
            "TFE_ADDRESS": site.address,
            "TFE_TOKEN": _token_of_an_administrator(),
            "SSL_CERT_FILE": str(site.bundle),
            "ENABLE_TFE": "1",
            "NO_PROXY": "*",
        }


def _token_of_an_administrator() -> str:
    from django.conf import settings
    from django.contrib.auth.models import Group, User

    from workspaces.services.tokens import create_token

    user = User.objects.create_user("administrator", "administrator@example.com")
    user.groups.add(Group.objects.get_or_create(name=settings.ADMIN_GROUP)[0])
    return create_token(by=user)[1]
