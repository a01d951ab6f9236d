"""The same rule for git's own requests, by its configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping

from terrakube_site.outgoing.addresses import Refused, check_host, split_address

_HOST = "TERRAKUBE_GIT_HOST"
_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[A-Za-z0-9._-]+):(?!//)(?P<path>[^\s]+)")


def pinned(address: str) -> dict[str, str]:
    """Environment variables that let git reach one repository at the address that was checked, and nothing else.

    Raises Refused for what may not be reached, and NoAnswer for a host that is not known.
    """
    settings = [("protocol.allow", "never")]
    scp = _SCP.fullmatch(address)
    if scp is not None and "//" not in address:
        scheme, host, port = "ssh", scp["host"], 22
    else:
        scheme, host, port, _ = split_address(address, ("https", "http", "ssh"))
    if host.startswith("-"):
        raise Refused("It is not an address that can be read")
    found = check_host(host, port, scheme=scheme)
    settings.append((f"protocol.{scheme}.allow", "always"))
    more: dict[str, str] = {}
    if scheme == "ssh":
        if found:
            more[_HOST] = found[0]
    else:
        # What it redirects to would be reached unchecked.
        settings.append(("http.followRedirects", "false"))
        if found:
            shown = ",".join(f"[{text}]" if ":" in text else text for text in found)
            settings.append(("http.curloptResolve", f"{host}:{port}:{shown}"))
    return more | _configuration(settings)


def with_checked_host(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with ssh directed to the checked address, if there is one."""
    host = environment.get(_HOST, "")
    if not host:
        return dict(environment)
    command = environment.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    return {**environment, "GIT_SSH_COMMAND": f"{command} -o HostName={host}"}


def _configuration(settings: list[tuple[str, str]]) -> dict[str, str]:
    found = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        found[f"GIT_CONFIG_KEY_{number}"] = key
        found[f"GIT_CONFIG_VALUE_{number}"] = value
    return found
