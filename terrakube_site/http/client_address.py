"""The client's address of a request, also behind trusted proxies."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

from terrakube_site import env, site_settings

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def read_trusted(environ: env.Environ) -> tuple[Network, ...]:
    """Read the trusted proxies from the environment. Raises SettingError."""
    items = site_settings.TRUSTED_PROXIES.read(environ)
    try:
        return tuple(ipaddress.ip_network(item) for item in items)
    except ValueError:
        allowed = "addresses and networks with commas between them, as in 10.0.0.7, 10.1.0.0/16"
        raise env.SettingError(site_settings.TRUSTED_PROXIES.name, ", ".join(items), allowed) from None


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
    """Return the client's address, empty if unknown (a socket of the file system).

    ``X-Forwarded-For`` is trusted only as far as trusted proxies wrote it: from its end back to the first address that
    is not theirs. The client can write anything before that.
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
    """Return the key for counting failures: the address, or the /64 of an IPv6 address, which one client owns."""
    text = client_address(request)
    if ":" in text:
        return str(ipaddress.ip_network(f"{text}/64", strict=False).network_address)
    return text or None
