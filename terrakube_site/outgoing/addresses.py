"""Which hosts may be reached: the rule, and the look-up that it checks."""

from __future__ import annotations

import ipaddress
import re
import socket
import urllib.request
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from terrakube_site import env, site_settings

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAME = site_settings.OUTGOING_ALLOWED.name
_HOST = re.compile(r"\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*", re.ASCII)
# Metadata services of clouds, which hand out credentials; some look public, and none is a user's server.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class OutgoingError(Exception):
    """Another host could not be reached or must not be; the message holds no secret."""


class Refused(OutgoingError):
    """The installation does not allow requests to this address."""


class NoAnswer(OutgoingError):
    """The host does not answer, or not in a usable way."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Hosts that may be reached though not public: networks, host names, and ``.example.org`` for all below it."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    def has_address(self, address: Address) -> bool:
        return any(address in network for network in self.networks)

    def has_host(self, host: str) -> bool:
        parts = host.split(".")
        return host in self.hosts or any("." + ".".join(parts[at:]) in self.hosts for at in range(1, len(parts)))


def allowed_from(items: Iterable[str]) -> Allowed:
    """Parse networks and host names. Raises ValueError with the item that is neither."""
    networks: list[Network] = []
    hosts: set[str] = set()
    for item in items:
        try:
            networks.append(ipaddress.ip_network(item))
        except ValueError:
            host = item.lower().rstrip(".")
            # What looks like an address and is none would silently be a name that no host has.
            if not _HOST.fullmatch(host) or re.fullmatch(r"[0-9.]+", host):
                raise ValueError(item) from None
            hosts.add(host)
    return Allowed(tuple(networks), frozenset(hosts))


def read_allowed(environ: env.Environ) -> Allowed:
    """What the environment allows. Raises SettingError."""
    try:
        return allowed_from(site_settings.OUTGOING_ALLOWED.read(environ))
    except ValueError as error:
        raise env.SettingError(
            NAME,
            str(error),
            "host names, .domains and networks with commas between them, as in git.internal, 10.1.0.0/16",
        ) from None


def _embedded(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one, where a translator would reach it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address


def _may_reach(address: Address, *, trusted: bool) -> bool:
    address = _embedded(address)
    allowed: Allowed = settings.OUTGOING_ALLOWED
    if allowed.has_address(address):
        return True
    if address in _METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return trusted or address.is_global


def proxy_of(scheme: str, host: str) -> str:
    """The proxy of the environment for a host, empty when it is reached directly."""
    if urllib.request.proxy_bypass(host):
        return ""
    return urllib.request.getproxies().get(scheme, "")


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # Forms such as 127.1 or 0x7f000001, which a resolver or a proxy would take for an address.
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None


def check_host(host: str, port: int, *, scheme: str, trusted: Collection[str] = ()) -> list[str]:
    """Return the addresses to connect to; none if the environment's proxy resolves the host.

    ``trusted`` are hosts from settings, which may be private. Raises Refused, and NoAnswer for an unknown name.
    """
    host = host.lower().rstrip(".")
    known = host in trusted or settings.OUTGOING_ALLOWED.has_host(host)
    literal = _literal(host)
    if literal is not None and not _may_reach(literal, trusted=known):
        raise _refused(host)
    if proxy_of(scheme, host):
        # The proxy looks the name up, and decides about what it finds.
        if not known and (host == "localhost" or host.endswith((".localhost", ".internal", ".local"))):
            raise _refused(host)
        return []
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoAnswer(f"{host} is not known: {getattr(error, 'strerror', None) or error}") from None
    found = list(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in rows))
    # One forbidden address refuses the name: we cannot know which one would be used.
    if not found or not all(_may_reach(ipaddress.ip_address(text), trusted=known) for text in found):
        raise _refused(host)
    return found


def _refused(host: str) -> Refused:
    return Refused(f"{host} is no public address; an administrator can allow it by {NAME}, as a host name or a network")


def split_address(address: str, schemes: Collection[str] = ("http", "https")) -> tuple[str, str, int, str]:
    """Split an address into scheme, host, port and path. Raises Refused for another scheme, a login or no host."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise Refused("It is not an address that can be read") from None
    if parts.scheme not in schemes or not parts.hostname:
        raise Refused(f"It must be an address that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if parts.username is not None and parts.scheme in {"http", "https"}:
        raise Refused("It must hold no login")
    if re.search(r"[\x00-\x20\x7f]", address):
        raise Refused("It holds a space or a control character")
    default = {"http": 80, "https": 443, "ssh": 22}.get(parts.scheme, 0)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, parts.hostname, port or default, path
