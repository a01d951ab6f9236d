"""Check whether this site answers at the address that pods are given, as seen from the watcher."""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request

from executors.installation.settings import Installation

EVERY_SECONDS = 10.0
TIMEOUT_SECONDS = 2.0


class SiteProbe:
    """Probes the site now and then; for one thread."""

    def __init__(self, conf: Installation) -> None:
        self._address = f"{conf.api_url}/actuator/health/liveness" if conf.api_url else None
        self._ca_bundle = conf.ca_bundle
        self._asked_at = float("-inf")
        self._answer: bool | None = None

    def answers(self) -> bool | None:
        """Return True if anything but an error comes back, probing at most every ten seconds. None: there is no
        address.
        """
        if self._address is not None and time.monotonic() - self._asked_at >= EVERY_SECONDS:
            self._answer = self._ask(self._address)
            self._asked_at = time.monotonic()
        return self._answer

    def _ask(self, address: str) -> bool:
        context = None
        if address.startswith("https:"):
            context = ssl.create_default_context()
            if self._ca_bundle:
                context.load_verify_locations(cadata=self._ca_bundle)
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS, context=context):  # noqa: S310 - a setting
                return True
        except urllib.error.HTTPError as error:
            # A refusal proves that the site is there; a gateway without a site behind it answers with 5xx.
            return error.code < 500
        except (OSError, ValueError):
            return False
