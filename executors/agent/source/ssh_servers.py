"""Old SSH servers: what to do about one that offers only ssh-rsa."""

from __future__ import annotations

import re

from terrakube_site.sentences import Sentence
from terrakube_site.sentences import marked as _

_SSH_RSA_ALONE = re.compile(r"Unable to negotiate with (\S+) .{0,80}? Their offer: (?:\S+,)?ssh-rsa\b")


def ssh_rsa_cure(output: str) -> str | None:
    """Return what to do if git's output says that a server offers no newer algorithm than ssh-rsa."""
    found = _SSH_RSA_ALONE.search(output)
    return _sentence(found[1]) if found else None


def _sentence(host: str) -> str:
    return Sentence(
        _(
            "The SSH server {host} offers only ssh-rsa, which OpenSSH refuses because it uses SHA-1. Renew the "
            "server's host keys, or allow ssh-rsa in the SSH key."
        ),
        host=host,
    )
