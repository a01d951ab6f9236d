"""Choose the HTTP proxy for an address from the usual environment variables.

urllib.request can do it, but importing it costs more than everything else before the claim.
"""

from __future__ import annotations

from collections.abc import Mapping


def proxy_for(scheme: str, host: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy's `host:port` (possibly `user:password@host:port`), None for a direct connection."""
    name = f"{scheme}_proxy"
    # HTTP_PROXY in capitals counts too: this is no CGI program, where a client could set it.
    value = environ.get(name) or environ.get(name.upper())
    if not value or _is_excluded(host, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    return value.split("://", 1)[-1].rstrip("/")


def _is_excluded(host: str, rules: str) -> bool:
    if host in ("localhost", "127.0.0.1", "::1"):
        return True
    for rule in rules.replace(",", " ").lower().split():
        if rule == "*" or rule == host.lower():
            return True
        if "/" in rule:
            if _is_in_network(host, rule):
                return True
            continue
        suffix = rule.split(":", 1)[0].removeprefix("*").lstrip(".")
        if suffix and (host.lower() == suffix or host.lower().endswith(f".{suffix}")):
            return True
    return False


def _is_in_network(host: str, rule: str) -> bool:
    """Whether the host is an address of a network such as 10.0.0.0/8; a name never is, since it is not looked up."""
    if ":" not in host and not host.replace(".", "").isdecimal():
        return False
    from ipaddress import ip_address, ip_network  # imported by few: it costs as much as the rest of this module

    try:
        return ip_address(host) in ip_network(rule, strict=False)
    except ValueError:
        return False
