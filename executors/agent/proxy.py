"""Which HTTP proxy leads to an address, by the usual environment variables.

urllib.request knows this too, but importing it costs more than all else that happens before the claim.
"""

from __future__ import annotations

from collections.abc import Mapping


def proxy_for(scheme: str, host: str, environ: Mapping[str, str]) -> str | None:
    """The `host:port` of the proxy (possibly `user:password@host:port`), or None for a direct connection."""
    name = f"{scheme}_proxy"
    # HTTP_PROXY in capitals is honoured too: this is no CGI program, where a client could set it.
    value = environ.get(name) or environ.get(name.upper())
    if not value or _excluded(host, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    return value.split("://", 1)[-1].rstrip("/")


def _excluded(host: str, rules: str) -> bool:
    if host in ("localhost", "127.0.0.1", "::1"):
        return True
    for rule in rules.replace(",", " ").split():
        suffix = rule.split(":", 1)[0].removeprefix("*").lower()
        if (
            rule == "*"
            or host.lower() == suffix.lstrip(".")
            or (suffix and host.lower().endswith("." + suffix.lstrip(".")))
        ):
            return True
    return False
