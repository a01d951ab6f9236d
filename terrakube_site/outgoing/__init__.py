"""Requests of web and worker to other hosts; no other code connects to an address that a user entered.

Hosts that an operator names in a setting may be anywhere; all others must be public, or allowed by
``TERRAKUBE_OUTGOING_ALLOWED``. A connection goes to the address that was checked, so a name that resolves differently
the second time gains nothing, and each redirect is checked like the first address.
"""

from terrakube_site.outgoing.addresses import Allowed, NoAnswer, OutgoingError, Refused, allowed_from, check_host
from terrakube_site.outgoing.http import Answer, ask

__all__ = ("Allowed", "Answer", "NoAnswer", "OutgoingError", "Refused", "allowed_from", "ask", "check_host")
