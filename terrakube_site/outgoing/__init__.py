"""Requests of web and worker to other hosts; nothing else in them opens a connection to an address that a user wrote.

Hosts that an operator named in a setting may be anywhere; all others must be public, or be allowed by
``TERRAKUBE_OUTGOING_ALLOWED``. A connection goes to the very address that was checked, so a name that answers
differently the second time gains nothing, and each redirect is checked like the first address.
"""

from terrakube_site.outgoing.addresses import Allowed, NoAnswer, OutgoingError, Refused, allowed_from, check_host
from terrakube_site.outgoing.http import Answer, ask

__all__ = ("Allowed", "Answer", "NoAnswer", "OutgoingError", "Refused", "allowed_from", "ask", "check_host")
