"""Where a request comes from, also behind proxies that the installation trusts."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

from terrakube_site import env

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAME = "TERRAKUBE_TRUSTED_PROXIES"


def read_trusted(environ: env.Environ) -> tuple[Network, ...]:
    """The proxies that the environment names. Raises SettingError."""
    items = env.comma_list(environ, NAME, ())
    try:
        return tuple(ipaddress.ip_network(item) for item in items)
    except ValueError:
        allowed = "addresses and networks with commas between them, as in 10.0.0.7, 10.1.0.0/16"
        raise env.SettingError(NAME, ", ".join(items), allowed) from None


def _read(text: str) -> Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _trusted(address: Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def client_address(request: HttpRequest) -> str:
    """The address of the client, empty where none is known (a socket of the file system).

    ``X-Forwarded-For`` counts only as far as it was written by trusted proxies: from its end back to the first address
    that is none of theirs. What stands before that is the client's own text.
    """
    address = _read(request.META.get("REMOTE_ADDR") or "")
    if address is None:
        return ""
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while hops and _trusted(address):
        before = _read(hops.pop())
        if before is None:
            break
        address = before
    return str(address)


def network_of_client(request: HttpRequest) -> str | None:
    """What failures are counted by: the address, or of IPv6 the first of its /64, which one client has whole."""
    text = client_address(request)
    if ":" in text:
        return str(ipaddress.ip_network(f"{text}/64", strict=False).network_address)
    return text or None
